// What hangs holds nobody else up, holds no memory, and ends when the server does.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { laneWidths } from '../../../src/server/domain/delivery/lane.ts'
import { DeliveryError } from '../../../src/server/domain/ports/delivery-error.ts'
import type { SentMessage } from '../../../src/server/domain/ports/messages.ts'
import type { Queries } from '../../../src/server/domain/ports/store.ts'
import { isOnPostgres } from '../../support/database.ts'
import { codes, type Delivery, minute, openDelivery, senderOf, taken } from '../../support/delivery.ts'

let delivery: Delivery
beforeEach(async () => {
  delivery = await openDelivery()
})
afterEach(() => delivery.close())

/** A sender that waits until it is let go, or is told to stop. */
function hanging(failure: DeliveryError['failure'] = 'unreachable') {
  const waiting = new Map<string, () => void>()
  const seen: string[] = []
  let most = 0
  const sender = senderOf((message, signal) =>
    new Promise<SentMessage>((resolve, reject) => {
      seen.push(message.to)
      waiting.set(message.to, () => resolve(taken))
      most = Math.max(most, waiting.size)
      signal.addEventListener('abort', () => reject(new DeliveryError(failure, 'smtp', 'told to stop')))
    }).finally(() => waiting.delete(message.to)),
  )
  const letGo = () => {
    for (const resolve of waiting.values()) resolve()
  }
  return { sender, waiting, seen, letGo, most: () => most }
}

const notice = (channel: 'email' | 'phone' = 'email') =>
  ({ purpose: 'notice', channel, notAfter: delivery.clock.now() + 60 * minute }) as const
const sentState = (id: string) => delivery.row(id).then(({ sent_at }) => sent_at !== null)

test('a hanging mail server holds up no text message, and hanging notices no code', async () => {
  const mail = hanging()
  const arrived: string[] = []
  const quick = senderOf(async ({ to }) => {
    arrived.push(to)
    return taken
  })
  for (let index = 0; index < laneWidths.code + 5; index += 1) await delivery.add(`code${index}@example.com`)
  for (let index = 0; index < laneWidths.notice + 5; index += 1) await delivery.add(`${index}`, notice('phone'))
  const slowNotices = hanging()
  const outbox = delivery.start({
    email: mail.sender,
    phone: senderOf((message, signal) =>
      message.to.startsWith('+') ? quick.send(message, signal) : slowNotices.sender.send(message, signal),
    ),
  })
  await expect.poll(() => mail.waiting.size).toBe(laneWidths.code)
  await expect.poll(() => slowNotices.waiting.size).toBe(laneWidths.notice)
  const id = await delivery.add('+8613800138000', { channel: 'phone' })
  outbox.wake()
  await expect.poll(() => sentState(id)).toBe(true)
  expect(arrived).toEqual(['+8613800138000'])
})

test('a code that comes last is sent before a thousand notices that wait', async () => {
  await delivery.store.transaction(async queries => addMany(queries, 1000))
  const mail = hanging()
  const outbox = delivery.start({ email: mail.sender })
  await expect.poll(() => mail.waiting.size).toBe(laneWidths.notice)
  const id = await delivery.add('now@example.com')
  outbox.wake()
  await expect.poll(() => mail.waiting.has('now@example.com')).toBe(true)
  mail.letGo()
  await expect.poll(() => sentState(id)).toBe(true)
})

async function addMany(queries: Queries, count: number): Promise<void> {
  const mute = delivery.start({})
  for (let index = 0; index < count; index += 1) {
    const message = { channel: 'email', to: `${index}`, locale: 'en', subject: '', text: 'x'.repeat(500) } as const
    await mute.add(queries, { ...message, code: null, link: null, notice: null }, { accountId: null, ...notice() })
  }
}

/** A message takes PostgreSQL a transaction that waits for nobody else's. */
const queued = isOnPostgres ? 2000 : 10_000

test(`of ${queued} queued messages no more are in memory than are under way; all arrive once`, async () => {
  const mute = delivery.start({})
  for (let part = 0; part < queued / 1000; part += 1) {
    await delivery.store.transaction(async queries => {
      for (let index = 0; index < 1000; index += 1) {
        const message = { channel: 'email', to: `${part}-${index}`, locale: 'en', subject: '', text: 'code' } as const
        await mute.add(
          queries,
          { ...message, code: '012345', link: null, notice: null },
          { channel: 'email', purpose: 'login', accountId: null, notAfter: delivery.clock.now() + 10 * minute },
        )
      }
    })
  }
  let underWay = 0
  let most = 0
  const arrived: string[] = []
  const claims: number[] = []
  const counting = {
    ...delivery.store,
    transaction: <T>(body: (queries: Queries) => Promise<T>) =>
      delivery.store.transaction(queries =>
        body({
          ...queries,
          outbox: {
            ...queries.outbox,
            claimDue: async (lane, claim) => {
              const rows = await queries.outbox.claimDue(lane, claim)
              claims.push(rows.length)
              return rows
            },
          },
        }),
      ),
  }
  delivery.start(
    {
      email: senderOf(async ({ to }) => {
        underWay += 1
        most = Math.max(most, underWay)
        await new Promise(resolve => setImmediate(resolve))
        underWay -= 1
        arrived.push(to)
        return taken
      }),
    },
    counting,
  )
  await expect.poll(() => delivery.store.read.outbox.nextDueAt(codes), { timeout: 50_000 }).toBeUndefined()
  expect(most).toBe(laneWidths.code)
  expect(Math.max(...claims)).toBe(laneWidths.code)
  expect(arrived).toHaveLength(queued)
  expect(new Set(arrived).size).toBe(queued)
}, 60_000)

test('whoever stops gives what was under way back, and another process sends it at once', async () => {
  const mail = hanging()
  const stopping = delivery.start({ email: mail.sender })
  const id = await delivery.add('a@example.com')
  stopping.wake()
  await expect.poll(() => mail.waiting.size).toBe(1)
  await stopping.stop()
  expect(await delivery.row(id)).toMatchObject({ claim_id: null, lapsed: 0, sent_at: null, failed_at: null })
  delivery.start({ email: senderOf(async () => taken) })
  await expect.poll(() => sentState(id)).toBe(true)
})

test('whoever stops lets a message that is nearly through go out', async () => {
  const mail = hanging()
  const stopping = delivery.start({ email: mail.sender })
  const id = await delivery.add('a@example.com')
  stopping.wake()
  await expect.poll(() => mail.waiting.size).toBe(1)
  const stopped = stopping.stop()
  mail.letGo()
  await stopped
  expect(await sentState(id)).toBe(true)
})

test('a sender that does not stop when it is told to is left behind; its message is not sent again', async () => {
  const outbox = delivery.start({ email: senderOf(() => new Promise<SentMessage>(() => {})) })
  const id = await delivery.add('a@example.com')
  outbox.wake()
  await expect.poll(() => delivery.row(id)).toMatchObject({ attempts: 1 })
  await outbox.stop()
  expect(await delivery.row(id)).toMatchObject({ failure: 'uncertain', sent_at: expect.any(Number) })
}, 10_000)

test('while its channel is off, a lane that is woken writes nothing until a message expires', async () => {
  const id = await delivery.add('a@example.com')
  let transactions = 0
  const counting: typeof delivery.store = {
    ...delivery.store,
    transaction: body => {
      transactions += 1
      return delivery.store.transaction(body)
    },
  }
  let looks = 0
  const off = senderOf(
    async () => taken,
    () => {
      looks += 1
      return true
    },
  )
  const outbox = delivery.start({ email: off }, counting)
  for (let woken = 1; woken <= 20; woken++) {
    const before = looks
    outbox.wake()
    await expect.poll(() => looks).toBeGreaterThan(before)
  }
  expect(transactions).toBe(0)
  delivery.clock.advance(10 * minute)
  outbox.wake()
  await expect.poll(async () => (await delivery.row(id)).failure).toBe('expired')
})
