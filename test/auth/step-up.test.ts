import { describe, expect, it } from 'vitest'
import type { ApiError } from '../../src/api/errors.ts'
import { CancelledError, InputRequiredError, MessageFailedError } from '../../src/auth/errors.ts'
import { StepUp } from '../../src/auth/step-up.ts'
import { changePassword } from '../../src/contract/credentials.ts'
import type { VerificationAnswer } from '../../src/contract/logins.ts'
import type { ProblemCode } from '../../src/contract/problems.ts'
import type { MethodChoice } from '../../src/contract/schemas.ts'
import { beginVerification, type Challenge, createChallenge, finishVerification } from '../../src/contract/step-up.ts'
import type { AuthenticationResponseJson, PublicKeyCredentialRequestOptionsJson } from '../../src/contract/webauthn.ts'
import { CtapError } from '../../src/hid/index.ts'
import { FakeApiClient, refusal } from '../support/fake-api-client.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { type Act, ScriptedInteraction } from './scripted-interaction.ts'

const expires_at = '2026-11-22T13:05:00.000Z'
const proof = 'P'.repeat(43)
const otherProof = 'Q'.repeat(43)
const allMethods: MethodChoice[] = [
  { method: 'password', hint: null },
  { method: 'email', hint: 'a***e@g***l.com' },
  { method: 'phone', hint: '138****1234' },
  { method: 'totp', hint: null },
  { method: 'webauthn', hint: 'blue key' },
  { method: 'recovery', hint: null },
]
const offered = 'password email phone totp webauthn recovery'

const challengeOf = (letter: string, methods = allMethods): Challenge => ({
  challenge_id: letter.repeat(22),
  operation: 'password.change',
  expires_at,
  methods,
})
const challenge = challengeOf('c')
const params = { challenge_id: challenge.challenge_id }
const codeTo = (channel: 'email' | 'phone', resend_at = '2026-11-22T13:01:00.000Z') => ({
  method: channel,
  code: {
    channel,
    destination: channel === 'email' ? 'a***e@g***l.com' : '138****1234',
    expires_at,
    resend_at,
    message_id: 'M'.repeat(22),
  },
})
const options: PublicKeyCredentialRequestOptionsJson = { challenge: 'x'.repeat(43), rpId: 'example.org' }
const credential: AuthenticationResponseJson = {
  id: 'AAAA',
  rawId: 'AAAA',
  type: 'public-key',
  response: { clientDataJSON: 'AAAA', authenticatorData: 'AAAA', signature: 'AAAA' },
}

/** A key that answers, or refuses, once for each entry. */
const keyThat = (...outcomes: (AuthenticationResponseJson | Error)[]) => ({
  async get(given: PublicKeyCredentialRequestOptionsJson) {
    expect(given).toEqual(options)
    const outcome = outcomes.shift()
    if (!outcome || outcome instanceof Error) throw outcome ?? new Error('no key is expected')
    return outcome
  },
})

function stage(acts: Act[], webauthn = keyThat()) {
  const api = new FakeApiClient().expects(createChallenge, { body: { operation: 'password.change' } }, challenge)
  const interaction = new ScriptedInteraction(...acts)
  const stepUp = new StepUp({ api, clock: new SteppedClock(), interaction, webauthn })
  const finish = (answer: VerificationAnswer, outcome: string | ProblemCode, at = params) =>
    api.expects(
      finishVerification,
      { params: at, body: answer },
      outcome.length === 43 ? { proof: outcome, method: answer.method, expires_at } : refusal(outcome as ProblemCode),
    )
  const begin = (method: 'email' | 'phone' | 'webauthn', outcome: Parameters<typeof beginOutcome>[0], at = params) =>
    api.expects(beginVerification, { params: at, body: { method } }, beginOutcome(outcome))
  const over = () => {
    api.verifyAllCalled()
    interaction.verifyAllSaid()
  }
  return { api, interaction, stepUp, finish, begin, over }
}
const beginOutcome = (outcome: ReturnType<typeof codeTo> | ApiError | typeof options) =>
  'challenge' in outcome ? ({ method: 'webauthn', options: outcome } as const) : outcome

const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no refusal',
    error => error.code,
  )

describe('a message that failed', () => {
  const lost = () => new MessageFailedError('email', 'refused')

  it('lets a person pick another method, and is sent anew when that is the same', async () => {
    const { stepUp, begin, finish, over, interaction } = stage(['email', lost(), 'email', lost(), 'totp', '123456'])
    begin('email', codeTo('email'))
    begin('email', codeTo('email'))
    finish({ method: 'totp', code: '123456' }, proof)
    expect(await stepUp.prove('password.change')).toBe(proof)
    over()
    expect(interaction.log).toContain(`refused message_failed; left: ${offered}`)
  })

  it('ends a script', async () => {
    const { stepUp, begin, interaction, over } = stage(['email', lost()])
    interaction.canRetry = false
    begin('email', codeTo('email'))
    expect(await codeOf(stepUp.prove('password.change'))).toBe('message_failed')
    over()
  })

  it('ends it where there is no other method', async () => {
    const api = new FakeApiClient()
      .expects(
        createChallenge,
        { body: { operation: 'password.change' } },
        challengeOf('c', [{ method: 'email', hint: null }]),
      )
      .expects(beginVerification, { params, body: { method: 'email' } }, beginOutcome(codeTo('email')))
    const interaction = new ScriptedInteraction('email', lost())
    const stepUp = new StepUp({ api, clock: new SteppedClock(), interaction, webauthn: keyThat() })
    expect(await codeOf(stepUp.prove('password.change'))).toBe('message_failed')
    api.verifyAllCalled()
  })
})

describe('each method', () => {
  it.each<[string, VerificationAnswer]>([
    ['hunter2', { method: 'password', password: 'hunter2' }],
    ['123456', { method: 'totp', code: '123456' }],
    ['abcd-efgh', { method: 'recovery', code: 'abcd-efgh' }],
  ])('%s answers the challenge in one step', async (secret, answer) => {
    const { stepUp, finish, over, interaction } = stage([answer.method, secret])
    finish(answer, proof)
    expect(await stepUp.prove('password.change')).toBe(proof)
    over()
    expect(interaction.log[0]).toBe(
      `event step_up ${JSON.stringify({ operation: 'password.change', methods: allMethods })}`,
    )
    expect(interaction.log[1]).toBe(`choose for password.change: ${offered}`)
  })

  it.each(['email', 'phone'] as const)('%s has a code sent first', async method => {
    const { stepUp, begin, finish, over, interaction } = stage([method, '012345'])
    begin(method, codeTo(method))
    finish({ method, code: '012345' }, proof)
    expect(await stepUp.prove('password.change')).toBe(proof)
    over()
    const { destination } = codeTo(method).code
    expect(interaction.log.slice(2)).toEqual([
      `sent for step_up to ${destination}`,
      `code for step_up by ${method} to ${destination}, again from 2026-11-22T13:01:00.000Z`,
    ])
  })

  it('webauthn has the key sign', async () => {
    const { stepUp, begin, finish, over } = stage(['webauthn'], keyThat(credential))
    begin('webauthn', options)
    finish({ method: 'webauthn', credential }, proof)
    expect(await stepUp.prove('password.change')).toBe(proof)
    over()
  })

  it('names the value where it is stated up front', async () => {
    const api = new FakeApiClient()
      .expects(
        createChallenge,
        { body: { operation: 'phone.bind', value: '+8613800138000' } },
        {
          ...challenge,
          operation: 'phone.bind',
        },
      )
      .expects(
        finishVerification,
        { params, body: { method: 'totp', code: '123456' } },
        {
          proof,
          method: 'totp',
          expires_at,
        },
      )
    const interaction = new ScriptedInteraction('totp', '123456')
    const stepUp = new StepUp({ api, clock: new SteppedClock(), interaction, webauthn: keyThat() })
    expect(await stepUp.prove('phone.bind', '+8613800138000')).toBe(proof)
    api.verifyAllCalled()
  })
})

describe('a wrong answer', () => {
  it('says what is left, and lets the person pick another method', async () => {
    const { stepUp, finish, over, interaction } = stage(['password', 'wrong', 'totp', '123456'])
    finish({ method: 'password', password: 'wrong' }, 'password_incorrect')
    finish({ method: 'totp', code: '123456' }, proof)
    expect(await stepUp.prove('password.change')).toBe(proof)
    over()
    expect(interaction.log).toContain(`refused password_incorrect; left: ${offered}`)
  })

  it('is the end where nobody can answer again', async () => {
    const { stepUp, finish, over, interaction } = stage(['password', 'wrong'])
    interaction.canRetry = false
    finish({ method: 'password', password: 'wrong' }, 'password_incorrect')
    expect(await codeOf(stepUp.prove('password.change'))).toBe('password_incorrect')
    over()
    expect(interaction.log.filter(line => line.startsWith('refused'))).toEqual([])
  })

  it('of a code is typed again, not sent again', async () => {
    const { stepUp, begin, finish, over } = stage(['email', '111111', 'email', '222222'])
    begin('email', codeTo('email'))
    finish({ method: 'email', code: '111111' }, 'code_incorrect')
    finish({ method: 'email', code: '222222' }, proof)
    expect(await stepUp.prove('password.change')).toBe(proof)
    over()
  })

  it.each(['code_expired', 'code_used', 'code_other_purpose', 'code_not_sent'] as const)(
    '%s has another code sent',
    async code => {
      const { stepUp, begin, finish, over } = stage(['email', '111111', 'email', '222222'])
      begin('email', codeTo('email'))
      finish({ method: 'email', code: '111111' }, code)
      begin('email', codeTo('email'))
      finish({ method: 'email', code: '222222' }, proof)
      expect(await stepUp.prove('password.change')).toBe(proof)
      over()
    },
  )

  it('after a resend has the person type the newest code', async () => {
    const { stepUp, begin, finish, over, interaction } = stage(['phone', { resendThen: '111111' }, 'phone', '222222'])
    begin('phone', codeTo('phone'))
    begin('phone', codeTo('phone', '2026-11-22T13:02:00.000Z'))
    finish({ method: 'phone', code: '111111' }, 'code_incorrect')
    finish({ method: 'phone', code: '222222' }, proof)
    expect(await stepUp.prove('password.change')).toBe(proof)
    over()
    expect(interaction.log.at(-1)).toContain('again from 2026-11-22T13:02:00.000Z')
  })

  it.each([
    new CtapError('key_denied', 'no'),
    new CtapError('key_not_found', 'none'),
    refusal('webauthn_signature_invalid'),
  ])('of a security key ($code) lets the person go on with the password', async error => {
    const { stepUp, begin, finish, over } = stage(['webauthn', 'password', 'hunter2'], keyThat(error))
    begin('webauthn', options)
    finish({ method: 'password', password: 'hunter2' }, proof)
    expect(await stepUp.prove('password.change')).toBe(proof)
    over()
  })

  it('takes a method that is not available out of the choice', async () => {
    const { stepUp, begin, finish, over, interaction } = stage(['phone', 'password', 'hunter2'])
    begin('phone', refusal('method_not_available'))
    finish({ method: 'password', password: 'hunter2' }, proof)
    await stepUp.prove('password.change')
    over()
    expect(interaction.log).toContain('choose for password.change: password email totp webauthn recovery')
  })
})

describe('the end of it', () => {
  it.each<ProblemCode>(['throttled', 'busy', 'internal_error', 'not_logged_in', 'account_disabled'])(
    'comes with %s, whoever is there',
    async code => {
      const { stepUp, finish, over, interaction } = stage(['password', 'wrong'])
      finish({ method: 'password', password: 'wrong' }, code)
      expect(await codeOf(stepUp.prove('password.change'))).toBe(code)
      over()
      expect(interaction.log.filter(line => line.startsWith('refused'))).toEqual([])
    },
  )

  it.each([new CancelledError(), new InputRequiredError('password', ['--password-file'])])(
    'comes with $name from a prompt',
    async error => {
      const { stepUp, over } = stage(['password', error])
      await expect(stepUp.prove('password.change')).rejects.toBe(error)
      over()
    },
  )

  it('comes when the person breaks off at the key', async () => {
    const { stepUp, begin, over } = stage(['webauthn'], keyThat(new CancelledError()))
    begin('webauthn', options)
    await expect(stepUp.prove('password.change')).rejects.toBeInstanceOf(CancelledError)
    over()
  })

  it('comes when the ceremony is called off at the key itself', async () => {
    const { stepUp, begin, over } = stage(['webauthn'], keyThat(new CtapError('key_cancelled', 'called off')))
    begin('webauthn', options)
    expect(await codeOf(stepUp.prove('password.change'))).toBe('key_cancelled')
    over()
  })

  it('comes when the account has no method', async () => {
    const api = new FakeApiClient().expects(
      createChallenge,
      { body: { operation: 'password.change' } },
      challengeOf('c', []),
    )
    const stepUp = new StepUp({
      api,
      clock: new SteppedClock(),
      interaction: new ScriptedInteraction(),
      webauthn: keyThat(),
    })
    expect(await codeOf(stepUp.prove('password.change'))).toBe('method_not_available')
  })

  it('is put off by a new challenge when the old one has expired', async () => {
    const { stepUp, api, finish, over, interaction } = stage(['password', 'hunter2', 'password', 'hunter2'])
    finish({ method: 'password', password: 'hunter2' }, 'challenge_expired')
    api.expects(createChallenge, { body: { operation: 'password.change' } }, challengeOf('d'))
    finish({ method: 'password', password: 'hunter2' }, proof, { challenge_id: 'd'.repeat(22) })
    expect(await stepUp.prove('password.change')).toBe(proof)
    over()
    expect(interaction.log).toContain(`refused challenge_expired; left: ${offered}`)
  })
})

describe('run', () => {
  const changed = { sessions_revoked: 0, short_password: false }
  const change = (stepUp: StepUp, api: FakeApiClient, ...passwords: string[]) =>
    stepUp.run('password.change', undefined, async given => {
      for (;;) {
        const call = { body: { new_password: passwords.shift() ?? '' }, proof: given }
        try {
          return await api.call(changePassword, call)
        } catch (error) {
          if ((error as ApiError).code !== 'password_too_short') throw error
        }
      }
    })
  const expectChange = (api: FakeApiClient, new_password: string, with_: string, outcome: typeof changed | Error) =>
    api.expects(changePassword, { body: { new_password }, proof: with_ }, outcome)

  it('lets the call ask for another value with the same proof', async () => {
    const { stepUp, api, finish, over } = stage(['password', 'hunter2'])
    finish({ method: 'password', password: 'hunter2' }, proof)
    expectChange(api, 'abc', proof, refusal('password_too_short'))
    expectChange(api, 'long enough', proof, changed)
    expect(await change(stepUp, api, 'abc', 'long enough')).toEqual(changed)
    over()
  })

  it('answers, once, the challenge of a server that did not accept the proof', async () => {
    const { stepUp, api, finish, over, interaction } = stage(['password', 'hunter2', 'totp', '123456'])
    const insufficient = refusal('insufficient_user_authentication', { reason: 'expired', challenge: challengeOf('d') })
    finish({ method: 'password', password: 'hunter2' }, proof)
    expectChange(api, 'long enough', proof, insufficient)
    finish({ method: 'totp', code: '123456' }, otherProof, { challenge_id: 'd'.repeat(22) })
    expectChange(api, 'long enough', otherProof, changed)
    expect(await change(stepUp, api, 'long enough', 'long enough')).toEqual(changed)
    over()
    expect(interaction.log).toContain(`refused insufficient_user_authentication; left: ${offered}`)
  })

  it('does not go round for ever', async () => {
    const { stepUp, api, finish, over } = stage(['password', 'hunter2', 'password', 'hunter2'])
    const insufficient = refusal('insufficient_user_authentication', { challenge: challengeOf('d') })
    finish({ method: 'password', password: 'hunter2' }, proof)
    expectChange(api, 'long enough', proof, insufficient)
    finish({ method: 'password', password: 'hunter2' }, otherProof, { challenge_id: 'd'.repeat(22) })
    expectChange(api, 'long enough', otherProof, insufficient)
    expect(await codeOf(change(stepUp, api, 'long enough', 'long enough'))).toBe('insufficient_user_authentication')
    over()
  })

  it.each([
    ['none', undefined],
    ['one of another operation', { ...challengeOf('d'), operation: 'phone.bind' }],
    ['a malformed one', { ...challengeOf('d'), challenge_id: '../..' }],
  ])('passes the refusal on when its challenge is %s', async (_, fresh) => {
    const { stepUp, api, finish, over } = stage(['password', 'hunter2'])
    finish({ method: 'password', password: 'hunter2' }, proof)
    expectChange(api, 'x', proof, refusal('insufficient_user_authentication', { challenge: fresh }))
    expect(await codeOf(change(stepUp, api, 'x'))).toBe('insufficient_user_authentication')
    over()
  })
})
