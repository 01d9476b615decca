import { afterEach, beforeEach, expect, test } from 'vitest'
import { retryWait } from '../../../src/server/domain/outbox.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'

const minute = 60_000
let world: ServerWorld
beforeEach(async () => {
  world = await openServerWorld()
})
afterEach(() => world.close())

const message = {
  channel: 'email',
  to: 'a@example.com',
  locale: 'en',
  subject: 's',
  text: 't',
  code: '012345',
  link: null,
  notice: null,
} as const

const until = (notAfter: number) => ({ channel: 'email', purpose: 'bind', accountId: null, notAfter }) as const

const add = (notAfter: number) =>
  world.services.domain.store.transaction(queries =>
    world.services.domain.outbox.add(queries, message, until(notAfter)),
  )
const rowsLeft = () => world.services.domain.store.read.outbox.nextDueAt()

test('a message is sent after the commit of its transaction, with its code as text, and then forgotten', async () => {
  await add(world.clock.now() + minute)
  world.services.domain.outbox.wake()
  await expect.poll(() => world.sent).toEqual([{ ...message, id: expect.stringMatching(/^[\w-]{22}$/) }])
  await expect.poll(rowsLeft).toBeUndefined()
})

test('a transaction that is rolled back sends nothing', async () => {
  const { store, outbox } = world.services.domain
  const failing = store.transaction(async queries => {
    await outbox.add(queries, message, until(world.clock.now() + minute))
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect(await rowsLeft()).toBeUndefined()
})

test('what a provider does not take is tried again, later each time, and the log names no code', async () => {
  world.failSending(2)
  await add(world.clock.now() + 10 * minute)
  world.services.domain.outbox.wake()
  await expect.poll(() => world.logged.length).toBe(1)
  world.clock.advance(2000)
  await expect.poll(() => world.logged.length).toBe(2)
  world.clock.advance(4000)
  await expect.poll(() => world.sent.length).toBe(1)
  expect(world.logged.join()).not.toContain('012345')
  expect(world.logged.join()).not.toContain('a@example.com')
})

test('what makes no sense any more is not sent', async () => {
  world.failSending(1)
  await add(world.clock.now() + 1500)
  world.services.domain.outbox.wake()
  await expect.poll(() => world.logged.length).toBe(1)
  world.clock.advance(2000)
  await expect.poll(rowsLeft).toBeUndefined()
  expect(world.sent).toEqual([])
})

test('a message for nobody costs a row and reaches nobody', async () => {
  const { store, outbox } = world.services.domain
  await store.transaction(queries => outbox.add(queries, undefined, until(world.clock.now() + minute)))
  outbox.wake()
  await expect.poll(rowsLeft).toBeUndefined()
  expect(world.sent).toEqual([])
})

test('of many claims at once, one gets a message', async () => {
  const { store, outbox } = world.services.domain
  await outbox.stop()
  for (let index = 0; index < 5; index += 1) await add(world.clock.now() + minute)
  const claims = await Promise.all(
    Array.from({ length: 10 }, () =>
      store.transaction(queries => queries.outbox.claimDue(world.clock.now(), minute, 2)),
    ),
  )
  const ids = claims.flat().map(({ id }) => id)
  expect(ids).toHaveLength(5)
  expect(new Set(ids).size).toBe(5)
  world.clock.advance(minute)
  expect(await store.transaction(queries => queries.outbox.claimDue(world.clock.now(), minute, 9))).toHaveLength(5)
})

test('waits grow, are bounded, and are spread', () => {
  const random = seededRandom('waits')
  const waits = Array.from({ length: 30 }, (_, index) => retryWait(index + 1, random))
  for (const [index, wait] of waits.entries()) {
    const whole = Math.min(5 * minute, 2000 * 2 ** index)
    expect(wait).toBeGreaterThanOrEqual(whole / 2)
    expect(wait).toBeLessThanOrEqual(whole)
  }
})

test('a process that can send nothing leaves the messages to those that can', async () => {
  const mute = await openServerWorld({ channels: [] })
  const { store, outbox } = mute.services.domain
  await store.transaction(queries => outbox.add(queries, message, until(mute.clock.now() + minute)))
  outbox.wake()
  await mute.services.domain.store.ping()
  mute.clock.advance(minute / 2)
  expect(await store.read.outbox.nextDueAt()).toBeDefined()
  expect(await store.transaction(queries => queries.outbox.claimDue(mute.clock.now(), minute, 9))).toHaveLength(1)
  await mute.close()
})

test('a message that cannot be opened stops no other', async () => {
  const { store, outbox } = world.services.domain
  await store.transaction(async queries => {
    const row = {
      channel: 'email',
      purpose: 'bind',
      account_id: null,
      decoy: 0,
      not_after: world.clock.now() + minute,
      attempts: 0,
      sent_at: null,
      failed_at: null,
      claim_id: null,
      lapsed: 0,
      provider: null,
      provider_message_id: null,
      failure: null,
      receipt: null,
      receipt_at: null,
    }
    const now = world.clock.now()
    await queries.outbox.insert({
      ...row,
      id: 'x',
      sealed_message: new Uint8Array(40),
      created_at: now - 1,
      next_attempt_at: now,
    })
    await outbox.add(queries, message, until(now + minute))
  })
  outbox.wake()
  await expect.poll(() => world.sent.length).toBe(1)
  expect(world.logged.length).toBe(1)
})
