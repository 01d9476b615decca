// Whatever several processes do with one outbox, in whatever order: nobody holds what another holds, and nobody writes
// of a message that is not his any more.

import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { retryWait, spread } from '../../../src/server/domain/delivery/retry.ts'
import type { ClaimedMessage } from '../../../src/server/domain/ports/store.ts'
import { codes, type Delivery, minute, notices, openDelivery, senderOf, taken } from '../../support/delivery.ts'
import { seededRandom } from '../../support/seeded-random.ts'

let delivery: Delivery
beforeEach(async () => {
  delivery = await openDelivery()
})
afterEach(() => delivery.close())

let claims = 0
const claim = (limit: number, lane = codes) =>
  delivery.store.transaction(queries =>
    queries.outbox.claimDue(lane, {
      claimId: `claim ${++claims}`,
      now: delivery.clock.now(),
      leaseUntil: delivery.clock.now() + minute,
      limit,
    }),
  )
const noFailure = { provider: 'smtp', providerMessageId: null, failure: null } as const
const finishBy = {
  sent: (held: ClaimedMessage) =>
    delivery.store.transaction(queries => queries.outbox.markSent(held, noFailure, delivery.clock.now())),
  failed: (held: ClaimedMessage) =>
    delivery.store.transaction(queries => queries.outbox.markFailed(held, 'refused', delivery.clock.now())),
  later: (held: ClaimedMessage) =>
    delivery.store.transaction(queries =>
      queries.outbox.postpone(held, { failure: 'unreachable', lapsed: 0, nextAttemptAt: delivery.clock.now() + 1000 }),
    ),
}

test('of many claims at once, one gets a message', async () => {
  for (let index = 0; index < 5; index += 1) await delivery.add(`${index}@example.com`)
  const claimed = await Promise.all(Array.from({ length: 10 }, () => claim(2)))
  const ids = claimed.flat().map(({ id }) => id)
  expect(ids).toHaveLength(5)
  expect(new Set(ids).size).toBe(5)
  delivery.clock.advance(minute - 1)
  expect(await claim(9)).toEqual([])
  delivery.clock.advance(1)
  expect((await claim(9)).map(({ lapsed, attempts }) => [lapsed, attempts])).toEqual(Array(5).fill([1, 2]))
})

test('who was given up for dead changes nothing', async () => {
  const id = await delivery.add('a@example.com')
  const [dead] = await claim(1)
  delivery.clock.advance(minute)
  const [alive] = await claim(1)
  if (!dead || !alive) throw new Error('not claimed')
  const before = await delivery.row(id)
  for (const finish of Object.values(finishBy)) expect(await finish(dead)).toBe(false)
  expect(await delivery.row(id)).toEqual(before)
  expect(await finishBy.sent(alive)).toBe(true)
  for (const finish of Object.values(finishBy)) expect(await finish(alive)).toBe(false)
})

test('a late word is heard as long as nobody else has claimed the message', async () => {
  await delivery.add('a@example.com')
  const [slow] = await claim(1)
  delivery.clock.advance(2 * minute)
  expect(slow && (await finishBy.sent(slow))).toBe(true)
  expect(await claim(1)).toEqual([])
})

test('a lane has its own messages alone, those that are due longest first', async () => {
  const first = await delivery.add('a@example.com')
  await delivery.add('b@example.com', { purpose: 'notice' })
  await delivery.add('+8613800138000', { channel: 'phone' })
  delivery.clock.advance(1)
  const second = await delivery.add('c@example.com')
  expect((await claim(1)).map(({ id }) => id)).toEqual([first])
  expect((await claim(9)).map(({ id }) => id)).toEqual([second])
  expect((await claim(9, notices)).map(({ purpose }) => purpose)).toEqual(['notice'])
  expect(await claim(9, { channel: 'phone', kind: 'notice' })).toEqual([])
  expect(await claim(9, { channel: 'phone', kind: 'code' })).toHaveLength(1)
})

type Step =
  | { do: 'claim'; who: number; limit: number }
  | { do: 'finish'; who: number; how: keyof typeof finishBy }
  | { do: 'wait'; milliseconds: number }

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('claim' as const), who: fc.nat(2), limit: fc.integer({ min: 1, max: 3 }) }),
    fc.record({
      do: fc.constant('finish' as const),
      who: fc.nat(2),
      how: fc.constantFrom('sent' as const, 'failed' as const, 'later' as const),
    }),
    fc.record({ do: fc.constant('wait' as const), milliseconds: fc.constantFrom(500, 1000, minute / 2, minute) }),
  ),
  { minLength: 5, maxLength: 30 },
)

test('in every order of claims, ends and lapses, a message has one holder at most and ends once', async () => {
  const lastHolder = new Map<string, string>()
  const heldUntil = new Map<string, number>()
  const ended = new Set<string>()
  const held: ClaimedMessage[][] = [[], [], []]
  const claimStep = async ({ who, limit }: Step & { do: 'claim' }) => {
    for (const row of await claim(limit)) {
      expect(ended.has(row.id)).toBe(false)
      expect(heldUntil.get(row.id) ?? 0).toBeLessThanOrEqual(delivery.clock.now())
      heldUntil.set(row.id, delivery.clock.now() + minute)
      lastHolder.set(row.id, row.claim_id ?? '')
      held[who]?.push(row)
    }
  }
  const finishStep = async ({ who, how }: Step & { do: 'finish' }) => {
    const message = held[who]?.shift()
    if (!message) return
    const isHolder = lastHolder.get(message.id) === message.claim_id
    expect(await finishBy[how](message)).toBe(isHolder)
    if (!isHolder) return
    lastHolder.delete(message.id)
    heldUntil.delete(message.id)
    if (how !== 'later') ended.add(message.id)
  }
  await fc.assert(
    fc.asyncProperty(steps, async run => {
      delivery.clock.advance(2 * minute)
      for (const left of await claim(9)) expect(await finishBy.sent(left)).toBe(true)
      for (const messages of held) messages.length = 0
      for (let index = 0; index < 3; index += 1) {
        await delivery.add(`${index}@example.com`, { notAfter: delivery.clock.now() + 1e9 })
      }
      for (const step of run as Step[]) {
        if (step.do === 'claim') await claimStep(step)
        else if (step.do === 'finish') await finishStep(step)
        else delivery.clock.advance(step.milliseconds)
      }
    }),
    { numRuns: 60, seed: 4 },
  )
  expect(ended.size).toBeGreaterThan(50)
}, 20_000)

test('two senders over one database deliver each of many messages once', async () => {
  for (let index = 0; index < 200; index += 1) await delivery.add(`${index}@example.com`)
  const arrived: string[] = []
  const sender = () =>
    senderOf(async ({ to }) => {
      await new Promise(resolve => setImmediate(resolve))
      arrived.push(to)
      return taken
    })
  const both = [delivery.start({ email: sender() }), delivery.start({ email: sender() })]
  for (const outbox of both) outbox.wake()
  await expect.poll(() => delivery.store.read.outbox.nextDueAt(codes), { timeout: 10_000 }).toBeUndefined()
  expect(arrived).toHaveLength(200)
  expect(new Set(arrived).size).toBe(200)
})

test('messages are removed a bounded number at a time, and none whose time has not passed', async () => {
  const old = [await delivery.add('a@example.com'), await delivery.add('b@example.com'), await delivery.add(undefined)]
  const living = await delivery.add('c@example.com', { notAfter: delivery.clock.now() + 1e9 })
  delivery.clock.advance(60 * minute)
  const young = await delivery.add('d@example.com')
  const remove = () =>
    delivery.store.transaction(queries => queries.cleaning.remove('outbox', delivery.clock.now() - minute, 2))
  expect([await remove(), await remove(), await remove()]).toEqual([2, 1, 0])
  for (const id of old) await expect(delivery.row(id)).rejects.toThrow('no such message')
  for (const id of [living, young]) expect(await delivery.row(id)).toMatchObject({ id })
})

test('waits grow, are bounded, and are spread', () => {
  const random = seededRandom('waits')
  for (let attempts = 1; attempts <= 30; attempts += 1) {
    const whole = Math.min(5 * minute, 2000 * 2 ** (attempts - 1))
    const wait = retryWait(attempts, 5 * minute, random)
    expect(wait).toBeGreaterThanOrEqual(whole / 2)
    expect(wait).toBeLessThanOrEqual(whole)
  }
  const waits = new Set(Array.from({ length: 50 }, () => spread(1000, random)))
  expect(waits.size).toBeGreaterThan(20)
})
