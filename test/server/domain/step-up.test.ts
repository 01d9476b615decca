import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Member } from '../../../src/server/domain/domain.ts'
import { Refusal } from '../../../src/server/domain/refusal.ts'
import { openServerWorld, password, refusalOf, type ServerWorld } from '../../support/server-world.ts'

const minute = 60_000

let world: ServerWorld
let people = 0
const join = () => world.join(`person-${++people}`)

beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

const changePassword = (member: Member, proof: string | undefined, value = `another password ${++people}`) =>
  world.services.credentials.changePassword(member, proof, value)

const reasonOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    error => (error instanceof Refusal ? (error.members.reason ?? error.code) : error),
  )

describe('a proof', () => {
  test('serves once', async () => {
    const member = await join()
    const proof = await world.prove(member, 'password.change')
    await changePassword(member, proof)
    expect(await reasonOf(changePassword(member, proof))).toBe('used')
  })

  test('of thirty-two uses at once, one changes something', async () => {
    const member = await join()
    const proof = await world.prove(member, 'recovery_codes.create')
    const uses = Array.from({ length: 32 }, () =>
      reasonOf(world.services.credentials.createRecoveryCodes(member, proof)),
    )
    const outcomes = await Promise.all(uses)
    expect(outcomes.filter(outcome => outcome === 'done')).toHaveLength(1)
    expect(outcomes.filter(outcome => outcome === 'used')).toHaveLength(31)
  })

  test('is refused where it was not given for, with why and a fresh challenge', async () => {
    const member = await join()
    const other = await join()
    const secondSession = await world.logIn(member.account.username)
    const { contactBindings, credentials } = world.services
    const forPassword = await world.prove(member, 'password.change')
    expect(await reasonOf(changePassword(member, undefined))).toBe('missing')
    expect(await reasonOf(changePassword(other, forPassword))).toBe('unknown')
    expect(await reasonOf(changePassword(secondSession, forPassword))).toBe('other_session')
    expect(await reasonOf(credentials.createRecoveryCodes(member, forPassword))).toBe('other_operation')
    const forNumber = await world.prove(member, 'phone.bind', { value: '138 0013 8000' })
    expect(await reasonOf(contactBindings.begin(member, forNumber, 'phone', '13800138001'))).toBe('other_value')
    expect(await reasonOf(contactBindings.begin(member, forNumber, 'phone', '+8613800138000'))).toBe('done')
    const refused = await changePassword(member, 'x'.repeat(43)).catch((error: Refusal) => error)
    expect(refused).toMatchObject({
      code: 'insufficient_user_authentication',
      members: {
        reason: 'unknown',
        challenge: { operation: 'password.change', methods: [{ method: 'password' }, { method: 'email' }] },
      },
    })
    await changePassword(member, forPassword)
  })

  test('lives five minutes, and an unanswered challenge ten', async () => {
    const member = await join()
    const proof = await world.prove(member, 'password.change')
    world.clock.advance(5 * minute)
    expect(await reasonOf(changePassword(member, proof))).toBe('expired')
    const { stepUps } = world.services
    const { challenge_id } = await stepUps.createChallenge(member, 'password.change')
    world.clock.advance(10 * minute)
    const answer = { method: 'password', password } as const
    expect(await refusalOf(stepUps.finishVerification(member, challenge_id, answer))).toBe('challenge_expired')
  })

  test('is not consumed by a value that is refused', async () => {
    const member = await join()
    const proof = await world.prove(member, 'password.change')
    expect(await refusalOf(changePassword(member, proof, '12345'))).toBe('password_too_short')
    expect(await refusalOf(changePassword(member, proof, 'qwerty'))).toBe('password_too_common')
    expect(await refusalOf(changePassword(member, proof, password))).toBe('password_unchanged')
    await changePassword(member, proof)
  })

  test('a challenge is answered once, by its own session', async () => {
    const member = await join()
    const secondSession = await world.logIn(member.account.username)
    const { stepUps } = world.services
    const { challenge_id } = await stepUps.createChallenge(member, 'password.change')
    const answer = { method: 'password', password } as const
    expect(await refusalOf(stepUps.finishVerification(secondSession, challenge_id, answer))).toBe('challenge_expired')
    await stepUps.finishVerification(member, challenge_id, answer)
    expect(await refusalOf(stepUps.finishVerification(member, challenge_id, answer))).toBe('challenge_expired')
  })

  test('no value can be stated for what takes none', async () => {
    const member = await join()
    const { stepUps } = world.services
    expect(await refusalOf(stepUps.createChallenge(member, 'password.change', 'x'))).toBe('invalid_request')
    expect(await refusalOf(stepUps.createChallenge(member, 'phone.bind', 'x'))).toBe('phone_number_invalid')
  })
})

describe('a code', () => {
  const begin = async (member: Member) => {
    const { stepUps } = world.services
    const { challenge_id } = await stepUps.createChallenge(member, 'password.change')
    await stepUps.beginVerification(member, challenge_id, 'email')
    const code = await world.codeFor(member.account.email_address ?? '')
    const answer = (given: string) => stepUps.finishVerification(member, challenge_id, { method: 'email', code: given })
    return { challenge_id, code, answer, resend: () => stepUps.beginVerification(member, challenge_id, 'email') }
  }
  const wrong = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0')

  test('is six digits, masked in what is said of it, and stored nowhere in plain text', async () => {
    const member = await join()
    const { stepUps } = world.services
    const { challenge_id, methods } = await stepUps.createChallenge(member, 'password.change')
    expect(methods).toContainEqual({ method: 'email', hint: expect.stringMatching(/^p\*\*\*\d@e\*\*\*e\.com$/) })
    const begun = await stepUps.beginVerification(member, challenge_id, 'email')
    expect(begun).toMatchObject({ code: { destination: expect.stringMatching(/^p\*\*\*/) } })
    expect(await world.codeFor(member.account.email_address ?? '')).toMatch(/^\d{6}$/)
  })

  test('works once, for ten minutes', async () => {
    const member = await join()
    const first = await begin(member)
    await first.answer(first.code)
    const second = await begin(member)
    world.clock.advance(10 * minute - 1)
    expect(await refusalOf(second.answer(wrong(second.code)))).toBe('code_incorrect')
    world.clock.advance(1)
    expect(await refusalOf(second.answer(second.code))).toBe('challenge_expired')
  })

  test('expires before a challenge that was answered late would', async () => {
    const shortLived = await openServerWorld({ policy: { codeLifetime: minute } })
    const member = await shortLived.join('late')
    const { stepUps } = shortLived.services
    const { challenge_id } = await stepUps.createChallenge(member, 'password.change')
    await stepUps.beginVerification(member, challenge_id, 'email')
    const code = await shortLived.codeFor('late@example.com')
    shortLived.clock.advance(minute)
    expect(await refusalOf(stepUps.finishVerification(member, challenge_id, { method: 'email', code }))).toBe(
      'code_expired',
    )
    await shortLived.close()
  })

  test('is replaced by a newer one, after a minute; failures stay counted', async () => {
    const member = await join()
    const { code, answer, resend } = await begin(member)
    expect(await refusalOf(resend())).toBe('throttled')
    for (let guess = 0; guess < 4; guess += 1) expect(await refusalOf(answer(wrong(code)))).toBe('code_incorrect')
    world.clock.advance(minute)
    await resend()
    expect(await refusalOf(answer(wrong(code)))).toBe('code_incorrect')
    expect(await refusalOf(answer(wrong(code)))).toBe('throttled')
    world.clock.advance(minute)
    expect(await refusalOf(answer(code))).toBe('code_incorrect')
  })

  test('that was sent for something else says so, and opens nothing', async () => {
    const member = await join()
    const { code } = await begin(member)
    const proof = await world.prove(member, 'email.bind')
    const { contactBindings, domain } = world.services
    const { binding_id } = await contactBindings.begin(
      member,
      proof,
      'email',
      `new-${member.account.username}@example.org`,
    )
    const binding = await domain.store.read.bindings.find(binding_id)
    if (!binding) throw new Error('no binding')
    const finish = contactBindings.finish(member, { ...binding, item: 'email' }, code)
    expect(await refusalOf(finish)).toBe('code_other_purpose')
  })

  test('for one that was never sent', async () => {
    const member = await join()
    const { stepUps } = world.services
    const { challenge_id } = await stepUps.createChallenge(member, 'password.change')
    const answer = { method: 'email', code: '000000' } as const
    expect(await refusalOf(stepUps.finishVerification(member, challenge_id, answer))).toBe('code_not_sent')
  })
})

describe('TOTP', () => {
  test('no code works twice, not even the one that bound it; of thirty-two at once one wins', async () => {
    const member = await join()
    const secret = await world.bindTotp(member)
    const { stepUps } = world.services
    const answer = async (code: string) => {
      const { challenge_id } = await stepUps.createChallenge(member, 'password.change')
      return refusalOf(stepUps.finishVerification(member, challenge_id, { method: 'totp', code }))
    }
    expect(await answer(world.totpCode(secret))).toBe('totp_used')
    world.clock.advance(30_000)
    const outcomes = await Promise.all(Array.from({ length: 32 }, () => answer(world.totpCode(secret))))
    expect(outcomes.filter(outcome => outcome === 'done')).toHaveLength(1)
    world.clock.advance(60_000)
    expect(await answer(world.totpCode(secret, -1))).toBe('done')
    expect(await answer(world.totpCode(secret, -1))).toBe('totp_used')
    expect(await answer(world.totpCode(secret, 2))).toBe('totp_incorrect')
  })
})

test('a method that is not bound is not available', async () => {
  const member = await join()
  const { stepUps } = world.services
  const { challenge_id } = await stepUps.createChallenge(member, 'password.change')
  expect(await refusalOf(stepUps.beginVerification(member, challenge_id, 'phone'))).toBe('method_not_available')
  const answer = { method: 'totp', code: '000000' } as const
  expect(await refusalOf(stepUps.finishVerification(member, challenge_id, answer))).toBe('method_not_available')
  expect(await refusalOf(stepUps.beginVerification(member, challenge_id, 'webauthn'))).toBe('method_not_available')
  const response = { clientDataJSON: '', authenticatorData: '', signature: '' }
  const credential = { id: 'AA', rawId: 'AA', type: 'public-key', clientExtensionResults: {}, response } as const
  const signed = { method: 'webauthn', credential } as const
  expect(await refusalOf(stepUps.finishVerification(member, challenge_id, signed))).toBe('method_not_available')
  const { store } = world.services.domain
  await store.transaction(queries => queries.challenges.setWebAuthnChallenge(challenge_id, 'AA'))
  expect(await refusalOf(stepUps.finishVerification(member, challenge_id, signed))).toBe('method_not_available')
})

test('the challenge that a key signed is taken once, at a step-up and at a login, and only the one that was given', async () => {
  const member = await join()
  const { stepUps, logins, domain } = world.services
  const { challenge_id } = await stepUps.createChallenge(member, 'password.change')
  const { login_id } = await logins.begin(member.account.username, member)
  for (const [table, id] of [
    ['challenges', challenge_id],
    ['logins', login_id],
  ] as const) {
    await domain.store.transaction(queries => queries[table].setWebAuthnChallenge(id, 'signed'))
    const take = (challenge: string) =>
      domain.store.transaction(queries => queries[table].consumeWebAuthnChallenge(id, challenge))
    expect(await take('another')).toBe(false)
    const taken = await Promise.all(Array.from({ length: 32 }, () => take('signed')))
    expect(taken.filter(Boolean)).toHaveLength(1)
  }
})
