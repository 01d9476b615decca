import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sweep } from '../../../src/server/domain/cleaning/cleaning.ts'
import { refusePush } from '../../../src/server/domain/push-throttle.ts'
import { countAttempt, type ThrottlePolicy, throttlePolicies } from '../../../src/server/domain/throttle.ts'
import type { ThrottlesTable } from '../../../src/server/store/schema.ts'
import { askDatabase } from '../../support/ask-database.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { outboxRows } from '../../support/outbox-rows.ts'
import { caller, openServerWorld, refusalOf, type ServerWorld } from '../../support/server-world.ts'

const silent = { info() {}, warn() {} }

const minute = 60_000
const day = 24 * 60 * minute
const number = '+8613800138000'

let world: ServerWorld
beforeEach(async () => {
  world = await openServerWorld()
})
afterEach(() => world.close())

async function askForCode(username: string, source = caller.source): Promise<string> {
  const from = { ...caller, source }
  const { login_id } = await world.services.logins.begin(username, from)
  return refusalOf(world.services.logins.beginVerification(login_id, 'phone', from))
}

/** Has messages sent to a number from another account until no more go there. */
async function exhaust(to: string): Promise<void> {
  const member = await world.join('stranger')
  const proof = await world.prove(member, 'phone.bind')
  const outcomes: string[] = []
  while (outcomes.at(-1) !== 'throttled' && outcomes.length < 50) {
    outcomes.push(await refusalOf(world.services.contactBindings.begin(member, proof, 'phone', to)))
    // Each with an account of its own, so that it is the number that is exhausted.
    await world.services.domain.store.transaction(queries =>
      queries.throttles.clear([`send:account:${member.account.id}:phone`]),
    )
  }
  expect(outcomes.at(-1)).toBe('throttled')
}

describe('a number to which too many messages went', () => {
  test('is told at no login: whoever has it and whoever has none are answered alike', async () => {
    const owner = await world.join('owner')
    await world.bindPhone(owner, number)
    await exhaust(number)
    expect([await askForCode('owner'), await askForCode('nobody')]).toEqual(['done', 'done'])
    const rows = (await outboxRows(world)).filter(({ purpose }) => purpose === 'login')
    expect(rows.map(({ decoy }) => decoy)).toEqual([1, 1])
  })

  test('is told to its owner, once they have proven who they are', async () => {
    const owner = await world.join('owner')
    await world.bindPhone(owner, number)
    const again = await world.again(owner)
    await exhaust(number)
    const { challenge_id } = await world.services.stepUps.createChallenge(again, 'password.change')
    expect(await refusalOf(world.services.stepUps.beginVerification(again, challenge_id, 'phone'))).toBe('throttled')
  })
})

test('a code for somebody and one for nobody write as many rows', async () => {
  const owner = await world.join('owner')
  await world.bindPhone(owner, number)
  const written = async (username: string) => {
    await askDatabase(world.database, 'delete from throttles')
    expect(await askForCode(username)).toBe('done')
    return (await askDatabase(world.database, 'select * from throttles')).length
  }
  expect(await written('owner')).toBe(await written('nobody'))
})

describe('one source', () => {
  const { free } = throttlePolicies.messages

  test('has so many messages sent and no more, to whomever, of an IPv6 network as of one address', async () => {
    const outcomes: string[] = []
    for (let index = 0; index <= free; index += 1) {
      outcomes.push(await askForCode(`user${index}`, `2001:db8:0:1::${index.toString(16)}`))
    }
    expect(outcomes.filter(outcome => outcome === 'done')).toHaveLength(free)
    expect(outcomes.at(-1)).toBe('throttled')
    expect(await askForCode('another', '2001:db8:0:2::1')).toBe('done')
    world.clock.advance(minute)
    expect(await askForCode('later', '2001:db8:0:1::1')).toBe('done')
  })

  test('is not held by what people who are logged in ask for there', async () => {
    await exhaust(number)
    for (let index = 0; index < free; index += 1) expect(await askForCode(`user${index}`)).toBe('done')
  })
})

test('whatever is counted by its source counts a whole IPv6 network as one', async () => {
  const { services } = world
  const from = { ...caller, source: '2001:db8:0:1::5' }
  const { login_id } = await services.logins.begin('nobody', from)
  const wrong = { method: 'password', password: 'not this one' } as const
  await refusalOf(services.logins.finishVerification(login_id, wrong, from))
  await refusalOf(services.credentials.redeemEnrolmentLink({ ...from, source: '2001:db8:0:2::5' }, 'none', 'secret'))
  await services.reversals.look('none', from)
  await services.wechatAuthorisations.describe('none', from.source)
  await refusePush(services.domain, { source: from.source, path: '/', reason: 'format' })
  const { find } = services.domain.store.read.throttles
  for (const kind of ['begin:login', 'begin:undo', 'begin:page', 'source', 'push']) {
    expect(await find(`${kind}:2001:db8:0:1::/64`), kind).toBeDefined()
  }
  expect(await find('source:2001:db8:0:2::/64')).toBeDefined()
})

describe('what throttles keep', () => {
  test('is removed a day after it counts for anything, but for guesses', async () => {
    await askForCode('nobody')
    const { login_id } = await world.services.logins.begin('nobody', caller)
    const wrong = { method: 'password', password: 'not this one' } as const
    await refusalOf(world.services.logins.finishVerification(login_id, wrong, caller))
    const { store, clock } = world.services.domain
    const clean = () =>
      sweep(
        { ...world.services.domain, clock: manualClock(clock.now()), log: silent, keepEventsFor: undefined },
        Number.POSITIVE_INFINITY,
        new AbortController().signal,
      )
    const has = async (key: string) => (await store.read.throttles.find(key)) !== undefined
    await clean()
    expect(await has(`messages:${caller.source}`)).toBe(true)
    world.clock.advance(day + 1)
    await clean()
    expect(await has(`messages:${caller.source}`)).toBe(false)
    expect(await has(`begin:login:${caller.source}`)).toBe(false)
    expect(await has(`guess:login:${world.services.domain.keys.hashText('throttle', 'nobody')}:password`)).toBe(true)
  })

  const forgetting = Object.entries(throttlePolicies).filter(([, { forgetEvery }]) => forgetEvery > 0)
  test.each(forgetting)('of %s is forgotten within a day, however many there were', (_kind, policy: ThrottlePolicy) => {
    let state: ThrottlesTable | undefined
    let now = 0
    for (let attempts = 0; attempts < 5000; attempts += 1) {
      const outcome = countAttempt(policy, state, 'k', now)
      if ('blockedUntil' in outcome) now = outcome.blockedUntil
      else state = outcome.next
    }
    const first = countAttempt(policy, undefined, 'k', now + day)
    expect(countAttempt(policy, state, 'k', now + day)).toEqual(first)
  })
})
