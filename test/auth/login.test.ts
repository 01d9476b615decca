import { describe, expect, it } from 'vitest'
import { CancelledError } from '../../src/auth/errors.ts'
import { logIn } from '../../src/auth/login.ts'
import { beginLogin, beginLoginVerification, finishLoginVerification } from '../../src/contract/logins.ts'
import type { ProblemCode } from '../../src/contract/problems.ts'
import { FakeApiClient, refusal } from '../support/fake-api-client.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { type Act, ScriptedInteraction } from './scripted-interaction.ts'

const expires_at = '2026-11-22T13:05:00.000Z'
const session_secret = 'S'.repeat(43)
const complete = {
  state: 'complete',
  session_id: 's'.repeat(22),
  session_secret,
  username: 'alice',
  expires_at,
} as const
const session = { username: 'alice', sessionId: 's'.repeat(22), sessionSecret: session_secret, expiresAt: expires_at }
const begun = (letter = 'l') => ({
  login_id: letter.repeat(22),
  expires_at,
  methods: [{ method: 'password', hint: null } as const, { method: 'phone', hint: null } as const],
})
const params = { login_id: begun().login_id }
const secondFactor = {
  state: 'second_factor',
  methods: [{ method: 'totp', hint: null } as const, { method: 'recovery', hint: null } as const],
} as const
const password = { params, body: { method: 'password', password: 'hunter2' } } as const
const totp = { params, body: { method: 'totp', code: '123456' } } as const

function stage(...acts: Act[]) {
  const api = new FakeApiClient().expects(beginLogin, { body: { username: 'alice' } }, begun())
  const interaction = new ScriptedInteraction(...acts)
  const webauthn = { get: () => Promise.reject(new Error('no key is expected')) }
  const over = () => {
    api.verifyAllCalled()
    interaction.verifyAllSaid()
  }
  return {
    api,
    interaction,
    over,
    login: () => logIn('alice', { api, clock: new SteppedClock(), interaction, webauthn }),
  }
}

describe('logIn', () => {
  it('ends with a session, which the client uses from then on', async () => {
    const { api, login, over } = stage('password', 'hunter2')
    api.expects(finishLoginVerification, password, complete)
    expect(await login()).toEqual(session)
    expect(api.sessionSecret).toBe(session_secret)
    over()
  })

  it('asks for the second factor where the server wants one', async () => {
    const { api, login, over, interaction } = stage('password', 'hunter2', 'totp', '123456')
    api.expects(finishLoginVerification, password, { ...secondFactor, methods: [...secondFactor.methods] })
    api.expects(finishLoginVerification, totp, complete)
    expect(await login()).toEqual(session)
    over()
    expect(interaction.log).toEqual([
      'choose for login: password phone',
      'password',
      'choose for second_factor: totp recovery',
      'code for login by totp to nobody',
    ])
  })

  it('has a code sent by its own operation', async () => {
    const { api, login, over } = stage('phone', '123456')
    const times = { expires_at, resend_at: expires_at }
    const code = { channel: 'phone', destination: '138****1234', ...times, message_id: 'M'.repeat(22) } as const
    api.expects(beginLoginVerification, { params, body: { method: 'phone' } }, { method: 'phone', code })
    api.expects(finishLoginVerification, { params, body: { method: 'phone', code: '123456' } }, complete)
    await login()
    over()
  })

  it('lets a person try again, also at the second factor', async () => {
    const { api, login, over } = stage('password', 'hunter2', 'password', 'hunter2', 'totp', '123456', 'totp', '123456')
    api.expects(finishLoginVerification, password, refusal('login_failed'))
    api.expects(finishLoginVerification, password, { ...secondFactor, methods: [...secondFactor.methods] })
    api.expects(finishLoginVerification, totp, refusal('totp_used'))
    api.expects(finishLoginVerification, totp, complete)
    expect(await login()).toEqual(session)
    over()
  })

  it('begins again when the login has expired', async () => {
    const { api, login, over } = stage('password', 'hunter2', 'password', 'hunter2')
    api.expects(finishLoginVerification, password, refusal('login_expired'))
    api.expects(beginLogin, { body: { username: 'alice' } }, begun('m'))
    api.expects(finishLoginVerification, { ...password, params: { login_id: begun('m').login_id } }, complete)
    expect(await login()).toEqual(session)
    over()
  })

  it.each<[ProblemCode, boolean]>([
    ['login_failed', false],
    ['login_expired', false],
    ['throttled', true],
    ['account_disabled', true],
  ])('ends with %s (where answers can be given again: %s)', async (code, canRetry) => {
    const { api, login, over, interaction } = stage('password', 'hunter2')
    interaction.canRetry = canRetry
    api.expects(finishLoginVerification, password, refusal(code))
    await expect(login()).rejects.toMatchObject({ code })
    expect(api.sessionSecret).toBeUndefined()
    over()
  })

  it('ends when the person breaks off', async () => {
    const { login, over } = stage('password', new CancelledError())
    await expect(login()).rejects.toBeInstanceOf(CancelledError)
    over()
  })

  it('does not let a server ask for ever', async () => {
    const { api, login, over } = stage('password', 'hunter2', 'totp', '123456')
    api.expects(finishLoginVerification, password, { ...secondFactor, methods: [...secondFactor.methods] })
    api.expects(finishLoginVerification, totp, { ...secondFactor, methods: [...secondFactor.methods] })
    await expect(login()).rejects.toMatchObject({ code: 'answer_malformed' })
    over()
  })
})
