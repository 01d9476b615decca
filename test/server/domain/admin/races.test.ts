import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Member } from '../../../../src/server/domain/domain.ts'
import { byToken, inPerson, joinAdmin } from '../../../support/admins.ts'
import { caller, openServerWorld, password, refusalOf, type ServerWorld } from '../../../support/server-world.ts'

let world: ServerWorld

beforeEach(async () => {
  world = await openServerWorld()
})
afterEach(() => world.close())

const tally = (outcomes: readonly string[]) =>
  Object.fromEntries([...new Set(outcomes)].sort().map(code => [code, outcomes.filter(one => one === code).length]))

const enabledAdmins = async () =>
  (
    await world.services.domain.store.read.directory.list({
      prefix: undefined,
      state: 'enabled',
      role: 'admin',
      after: undefined,
      limit: 100,
    })
  ).map(({ username }) => username)

const disable = async (admin: Member, username: string) => {
  const proof = await world.prove(admin, 'account.disable', { value: username })
  return () => refusalOf(world.services.adminAccounts.disable(inPerson(admin, proof), username))
}

describe('one admin who can log in is left', () => {
  test('when two disable each other at once', async () => {
    const [ada, bob] = [await joinAdmin(world, 'ada'), await joinAdmin(world, 'bob')]
    const attempts = [await disable(ada, 'bob'), await disable(bob, 'ada')]
    const outcomes = await Promise.all(attempts.map(attempt => attempt()))
    expect(outcomes).toContain('done')
    // Whose proof was ended with their account, or who would have been the last one's end.
    expect(tally(outcomes)).toMatchObject({ done: 1 })
    expect(await enabledAdmins()).toHaveLength(1)
  })

  test('when a circle of them does', async () => {
    const names = ['a1', 'a2', 'a3', 'a4', 'a5']
    const admins: Member[] = []
    for (const name of names) admins.push(await joinAdmin(world, name))
    const attempts = []
    for (const [index, admin] of admins.entries()) attempts.push(await disable(admin, names[(index + 1) % 5] ?? ''))
    await Promise.all(attempts.map(attempt => attempt()))
    expect((await enabledAdmins()).length).toBeGreaterThanOrEqual(1)
  })

  test('when a script disables all of them at once', async () => {
    for (const name of ['a1', 'a2', 'a3', 'a4']) await joinAdmin(world, name)
    const outcomes = await Promise.all(
      ['a1', 'a2', 'a3', 'a4'].map(name => refusalOf(world.services.adminAccounts.disable(byToken(), name))),
    )
    expect(tally(outcomes)).toEqual({ done: 3, last_admin: 1 })
    expect(await enabledAdmins()).toHaveLength(1)
  })

  test('and one who has no way in does not count', async () => {
    await joinAdmin(world, 'ada')
    await world.services.accounts.bootstrap('invited')
    const refused = () => refusalOf(world.services.adminAccounts.disable(byToken(), 'ada'))
    expect(await refused()).toBe('last_admin')
    await joinAdmin(world, 'bob')
    await world.services.adminAccounts.disable(byToken(), 'bob')
    expect(await refused()).toBe('last_admin')
    expect(await refusalOf(world.services.adminAccounts.disable(byToken(), 'invited'))).toBe('done')
    await world.join('person')
    expect(await refused()).toBe('last_admin')
  })
})

test('one proof disables one account once, however often it comes at once', async () => {
  const ada = await joinAdmin(world, 'ada')
  await world.join('owner')
  const proof = await world.prove(ada, 'account.disable', { value: 'owner' })
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, () => refusalOf(world.services.adminAccounts.disable(inPerson(ada, proof), 'owner'))),
  )
  expect(tally(outcomes)).toEqual({ done: 1, insufficient_user_authentication: 7 })
})

test('one proof makes one token', async () => {
  const ada = await joinAdmin(world, 'ada')
  const proof = await world.prove(ada, 'token.create', { value: 'audit' })
  const wanted = { name: 'n', scopes: ['audit' as const], lifetime: 60 }
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, () => refusalOf(world.services.serviceTokens.create(inPerson(ada, proof), wanted))),
  )
  expect(tally(outcomes)).toEqual({ done: 1, insufficient_user_authentication: 7 })
  expect((await world.services.serviceTokens.list({})).tokens).toHaveLength(1)
})

test('many who disable and enable one account at once: each change is one event, and they alternate', async () => {
  await world.join('owner')
  const { adminAccounts } = world.services
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      index % 3 === 0 ? adminAccounts.enable(byToken(), 'owner') : adminAccounts.disable(byToken(), 'owner'),
    ),
  )
  const account = await world.services.domain.store.read.accounts.findByUsernameKey('owner')
  const events = await world.services.domain.store.read.events.list(account?.id ?? '', 200, undefined)
  const count = (name: string) => events.filter(({ action }) => action === name).length
  expect(count('account.disable') + count('account.enable')).toBe(outcomes.filter(({ changed }) => changed).length)
  expect(count('account.disable') - count('account.enable')).toBe(account?.disabled_at === null ? 0 : 1)
})

describe('who comes in while an account is disabled', () => {
  test('by a login has no session afterwards, not even when it is enabled again', async () => {
    await world.join('owner')
    const { logins, sessions, adminAccounts } = world.services
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 2, maxLength: 4 }), async order => {
        // A hash takes its time: the account is disabled before, while and after it is computed.
        const login = async () => {
          const { login_id } = await logins.begin('owner', caller)
          return logins.finishVerification(login_id, { method: 'password', password }, caller).catch(() => undefined)
        }
        const [outcomes] = await Promise.all([
          Promise.all(order.map(() => login())),
          ...order.map(async isLate => {
            if (isLate) await new Promise(resolve => setTimeout(resolve, 30))
            await adminAccounts.disable(byToken(), 'owner')
          }),
        ])
        await adminAccounts.enable(byToken(), 'owner')
        for (const outcome of outcomes) {
          if (outcome?.state !== 'complete') continue
          expect(await refusalOf(sessions.authenticate(outcome.session_secret, caller))).toBe('not_logged_in')
        }
      }),
      { numRuns: 6 },
    )
  })

  test('at the last moment: the login judged, the account disabled, the session asked for', async () => {
    await world.join('owner')
    const { logins, adminAccounts, domain } = world.services
    const { login_id } = await logins.begin('owner', caller)
    const { transaction } = domain.store
    let isDisabled = false
    // Between what the login has read of the account and the transaction that opens the session.
    const store = {
      ...domain.store,
      transaction: async <T>(body: Parameters<typeof transaction<T>>[0]): Promise<T> => {
        if (!isDisabled) {
          isDisabled = true
          const account = await domain.store.read.accounts.findByUsernameKey('owner')
          await transaction(queries => queries.accounts.setDisabled(account?.id ?? '', domain.clock.now()))
        }
        return transaction(body)
      },
    }
    const { createLogins } = await import('../../../../src/server/domain/logins.ts')
    const racing = createLogins({ ...domain, store })
    expect(await refusalOf(racing.finishVerification(login_id, { method: 'password', password }, caller))).toBe(
      'account_disabled',
    )
    expect(isDisabled).toBe(true)
    await adminAccounts.enable(byToken(), 'owner')
    const account = await domain.store.read.accounts.findByUsernameKey('owner')
    expect(await domain.store.read.sessions.list(account?.id ?? '', domain.clock.now())).toHaveLength(1)
  })

  test('by a reset link made at the same time finds it closed', async () => {
    await world.join('owner')
    const { adminAccounts, domain } = world.services
    for (let round = 0; round < 10; round += 1) {
      await Promise.allSettled([
        adminAccounts.resetLink(byToken(), 'owner'),
        adminAccounts.disable(byToken(), 'owner'),
        adminAccounts.resetLink(byToken(), 'owner'),
      ])
      const account = await domain.store.read.accounts.findByUsernameKey('owner')
      expect(await domain.store.read.directory.listLinks(account?.id ?? '', domain.clock.now())).toEqual([])
      await adminAccounts.enable(byToken(), 'owner')
    }
  })
})
