import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { VerificationAnswer } from '../../../src/contract/logins.ts'
import type { MethodChoice, VerificationMethod } from '../../../src/contract/schemas.ts'
import { secondFactors } from '../../../src/server/domain/logins.ts'
import { Refusal } from '../../../src/server/domain/refusal.ts'
import { contentsOf } from '../../support/ask-database.ts'
import { caller, openServerWorld, password, refusalOf, type ServerWorld } from '../../support/server-world.ts'

const day = 24 * 60 * 60_000

let world: ServerWorld

beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

async function attempt(username: string, answer: VerificationAnswer) {
  const { logins } = world.services
  const { login_id } = await logins.begin(username, caller)
  return { login_id, outcome: await logins.finishVerification(login_id, answer, caller) }
}

describe('known and unknown user names', () => {
  test('begin alike and fail alike', async () => {
    await world.join('known')
    const { logins } = world.services
    const outcomes = []
    for (const username of ['known', 'nobody']) {
      const begun = await logins.begin(username, caller)
      const failures = []
      for (const answer of [
        { method: 'password', password: 'wrong password' },
        { method: 'recovery', code: '0000-0000-0000-0000' },
        { method: 'email', code: '000000' },
      ] as VerificationAnswer[]) {
        const error = await logins.finishVerification(begun.login_id, answer, caller).catch((e: Refusal) => e)
        failures.push(error instanceof Refusal ? [error.code, error.members] : 'no refusal')
      }
      for (const channel of ['email', 'phone'] as const) {
        const sent = await logins.beginVerification(begun.login_id, channel, caller)
        failures.push(sent.method !== 'webauthn' && sent.code.destination)
        const answer = { method: channel, code: '000000' } as const
        failures.push(await refusalOf(logins.finishVerification(begun.login_id, answer, caller)))
      }
      const ceremony = await logins.beginVerification(begun.login_id, 'webauthn', caller)
      if (ceremony.method !== 'webauthn') throw new Error('no ceremony')
      const again = await logins.beginVerification(begun.login_id, 'webauthn', caller)
      if (again.method !== 'webauthn') throw new Error('no ceremony')
      expect(again.options.allowCredentials).toEqual(ceremony.options.allowCredentials)
      // How many they are, and how long, differs from name to name.
      failures.push(ceremony.options.allowCredentials?.every(({ id }) => id.length >= 22))
      outcomes.push({ methods: begun.methods, failures })
    }
    expect(outcomes[0]).toEqual(outcomes[1])
    expect(outcomes[0]?.failures[0]).toEqual(['login_failed', { attempts_left: 4 }])
  })

  test('are throttled alike', async () => {
    await world.join('guessed')
    for (const username of ['guessed', 'not there']) {
      const answer = { method: 'password', password: 'wrong password' } as const
      const codes = []
      for (let guess = 0; guess < 7; guess += 1) codes.push(await refusalOf(attempt(username, answer)))
      expect(codes).toEqual([...Array(5).fill('login_failed'), 'throttled', 'throttled'])
    }
    // The owner comes in by another method meanwhile.
    const { logins } = world.services
    const { login_id } = await logins.begin('guessed', caller)
    await logins.beginVerification(login_id, 'email', caller)
    const code = await world.codeFor('guessed@example.com')
    expect(await logins.finishVerification(login_id, { method: 'email', code }, caller)).toMatchObject({
      state: 'complete',
    })
    world.clock.advance(2000)
    expect(await refusalOf(attempt('guessed', { method: 'password', password }))).toBe('done')
  })
})

test('right passwords at once never throttle each other; beside wrong ones, no more are judged than are free', async () => {
  await world.join('parallel')
  const right = { method: 'password', password } as const
  const wrong = { method: 'password', password: 'wrong password' } as const
  const all = (answers: VerificationAnswer[]) =>
    Promise.all(answers.map(answer => refusalOf(attempt('parallel', answer))))
  expect(new Set(await all(Array(32).fill(right)))).toEqual(new Set(['done']))
  for (let guess = 0; guess < 3; guess += 1) await all([wrong])
  // Two guesses are left. Were these counted after they are judged, all three would be judged.
  const outcomes = await all([wrong, wrong, right])
  expect(outcomes.filter(outcome => outcome === 'throttled')).toHaveLength(1)
})

test('user names are found in any case', async () => {
  await world.join('Mixed.Case')
  expect((await world.logIn('mIXED.cASE')).account.username).toBe('Mixed.Case')
})

test('a login is over after ten minutes, once it is complete, and when the password changes', async () => {
  const member = await world.join('late')
  const { logins, credentials } = world.services
  const { login_id } = await logins.begin('late', caller)
  world.clock.advance(10 * 60_000)
  const answer = { method: 'password', password } as const
  expect(await refusalOf(logins.finishVerification(login_id, answer, caller))).toBe('login_expired')
  const second = await attempt('late', answer)
  expect(await refusalOf(logins.finishVerification(second.login_id, answer, caller))).toBe('login_expired')
  const third = await logins.begin('late', caller)
  await credentials.changePassword(member, await world.prove(member, 'password.change'), 'a new long password')
  expect(await refusalOf(logins.finishVerification(third.login_id, answer, caller))).toBe('login_expired')
})

test('with an app bound, a password is half a login', async () => {
  const member = await world.join('careful')
  const secret = await world.bindTotp(member)
  const { logins } = world.services
  const { login_id, outcome } = await attempt('careful', { method: 'password', password })
  expect(outcome).toEqual({ state: 'second_factor', methods: [{ method: 'totp', hint: null }] })
  expect(await refusalOf(logins.finishVerification(login_id, { method: 'password', password }, caller))).toBe(
    'method_not_available',
  )
  expect(await refusalOf(logins.beginVerification(login_id, 'email', caller))).toBe('method_not_available')
  expect(await refusalOf(logins.finishVerification(login_id, { method: 'totp', code: '000000' }, caller))).toBe(
    'totp_incorrect',
  )
  world.clock.advance(30_000)
  const complete = await logins.finishVerification(login_id, { method: 'totp', code: world.totpCode(secret) }, caller)
  expect(complete).toMatchObject({ state: 'complete' })
  // An emailed code is a first factor like the password: it skips no second one.
  const byMail = await logins.begin('careful', caller)
  await logins.beginVerification(byMail.login_id, 'email', caller)
  const code = await world.codeFor('careful@example.com')
  const half = await logins.finishVerification(byMail.login_id, { method: 'email', code }, caller)
  expect(half).toMatchObject({ state: 'second_factor' })
})

describe('the second factor', () => {
  const all: VerificationMethod[] = ['password', 'email', 'phone', 'totp', 'webauthn', 'recovery']
  const bound = (...methods: VerificationMethod[]): MethodChoice[] => methods.map(method => ({ method, hint: null }))
  test.each([
    ['password', ['password', 'email'], []],
    ['password', ['password', 'recovery'], []],
    ['password', ['password', 'totp', 'recovery'], ['totp', 'recovery']],
    ['email', ['password', 'email', 'webauthn'], ['webauthn']],
    ['phone', all, ['totp', 'webauthn', 'recovery']],
    ['webauthn', ['password', 'webauthn'], ['password']],
    ['recovery', ['password', 'recovery'], []],
    ['recovery', all, ['password', 'email', 'phone', 'totp', 'webauthn']],
  ] as [VerificationMethod, VerificationMethod[], VerificationMethod[]][])(
    'after %s, with %j bound: %j',
    (first, have, expected) => {
      expect(secondFactors(bound(...have), first, false).map(({ method }) => method)).toEqual(expected)
    },
  )
  test('is not asked for after a key that verified the user', () => {
    expect(secondFactors(bound(...all), 'webauthn', true)).toEqual([])
  })
})

describe('sessions', () => {
  test('end after a week unused, and after a month however used', async () => {
    await world.join('idle')
    const login = await attempt('idle', { method: 'password', password })
    if (login.outcome.state !== 'complete') throw new Error('not complete')
    const secret = login.outcome.session_secret
    const use = () => refusalOf(world.services.sessions.authenticate(secret, caller))
    for (let week = 0; week < 4; week += 1) {
      world.clock.advance(7 * day - 1)
      expect(await use()).toBe('done')
    }
    world.clock.advance(2 * day + 5)
    expect(await use()).toBe('not_logged_in')
    const second = await attempt('idle', { method: 'password', password })
    if (second.outcome.state !== 'complete') throw new Error('not complete')
    world.clock.advance(7 * day)
    expect(await refusalOf(world.services.sessions.authenticate(second.outcome.session_secret, caller))).toBe(
      'not_logged_in',
    )
  })

  test('are listed, and ended one by one, all others, or all', async () => {
    const first = await world.join('many')
    const second = await world.logIn('many')
    const third = await world.logIn('many')
    const { sessions } = world.services
    expect((await sessions.list(first)).map(({ current }) => current).filter(Boolean)).toHaveLength(1)
    expect(await sessions.revoke(first, second.session.id)).toBe(1)
    expect(await refusalOf(sessions.revoke(first, second.session.id))).toBe('session_unknown')
    const stranger = await world.join('stranger')
    expect(await refusalOf(sessions.revoke(stranger, third.session.id))).toBe('session_unknown')
    expect(await sessions.revokeMany(first, 'others')).toBe(1)
    expect(await sessions.revokeMany(first, 'all')).toBe(1)
  })

  test('a changed password ends the others', async () => {
    const first = await world.join('changed')
    await world.logIn('changed')
    const { credentials, sessions } = world.services
    const proof = await world.prove(first, 'password.change')
    expect(await credentials.changePassword(first, proof, 'a new long password')).toEqual({
      sessions_revoked: 1,
      short_password: false,
    })
    expect(await sessions.list(first)).toHaveLength(1)
  })
})

test('no secret lies in the database in plain text', async () => {
  const member = await world.join('secretive')
  const totpSecret = await world.bindTotp(member)
  const { credentials, domain } = world.services
  const proof = await world.prove(member, 'recovery_codes.create')
  const { codes } = await credentials.createRecoveryCodes(member, proof)
  const login = await attempt('nobody at all', { method: 'password', password: 'zq-never-stored' }).catch(
    () => undefined,
  )
  expect(login).toBeUndefined()
  await domain.store.ping()
  const all = (await contentsOf(world.database)).toString('latin1')
  expect(all).toContain('secretive@example.com')
  const secrets = [
    proof,
    totpSecret,
    password,
    'zq-never-stored',
    ...codes,
    ...codes.map(code => code.replaceAll('-', '')),
  ]
  for (const secret of secrets) expect(all.includes(secret), secret).toBe(false)
  for (const { text } of world.sent) expect(all.includes(text.slice(0, 40))).toBe(false)
  for (const line of world.logged) for (const secret of secrets) expect(line).not.toContain(secret)
})
