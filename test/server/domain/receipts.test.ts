import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Receipt } from '../../../src/server/domain/ports/receipts.ts'
import { countedHere } from '../../support/counted.ts'
import { insertSentMessage, receiptOf } from '../../support/outbox-rows.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'

let world: ServerWorld
let counted: ReturnType<typeof countedHere>
let id = 'message 0'
let messages = 0

beforeAll(async () => {
  counted = countedHere()
  world = await openServerWorld({ counters: { count: (name, labels) => counted.count(name, labels) } })
})
afterAll(() => world.close())
beforeEach(async () => {
  counted = countedHere()
  id = `message ${++messages}`
  await insertSentMessage(world, 'twilio', id)
})

const receipt = (state: Receipt['receipt'], providerMessageId = id, provider: Receipt['provider'] = 'twilio') => ({
  provider,
  providerMessageId,
  receipt: state,
})
const take = (...receipts: Receipt[]) => world.services.receipts.take(receipts)
const times = (label: string, provider = 'twilio') => counted.times('receipts', { provider, receipt: label })

test('a receipt is noted with its time, and a repeated one changes nothing', async () => {
  const at = world.clock.now()
  await take(receipt('delivered'))
  world.clock.advance(1000)
  await take(receipt('delivered'))
  expect(await receiptOf(world, 'twilio', id)).toEqual({ receipt: 'delivered', at })
  expect([times('delivered'), times('ignored')]).toEqual([1, 1])
})

test('delivered is final; undelivered is put right by delivered', async () => {
  await take(receipt('undelivered'))
  world.clock.advance(1000)
  await take(receipt('delivered'))
  const at = world.clock.now()
  world.clock.advance(1000)
  await take(receipt('undelivered'))
  expect(await receiptOf(world, 'twilio', id)).toEqual({ receipt: 'delivered', at })
  expect([times('delivered'), times('undelivered'), times('ignored')]).toEqual([1, 1, 1])
})

test('of any sequence, delivered stands if it ever came, since it first came', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('delivered' as const, 'undelivered' as const), { minLength: 1 }),
      async states => {
        const another = `message ${++messages}`
        await insertSentMessage(world, 'twilio', another)
        const start = world.clock.now()
        for (const state of states) {
          await take(receipt(state, another))
          world.clock.advance(1)
        }
        const first = Math.max(0, states.indexOf('delivered'))
        expect(await receiptOf(world, 'twilio', another)).toEqual({ receipt: states[first], at: start + first })
      },
    ),
    { numRuns: 30 },
  )
})

test('what is unknown is taken and counted, also where another provider has such a message', async () => {
  await take(receipt('delivered', 'unknown'), receipt('undelivered', id, 'aliyun'), receipt('undelivered'))
  expect(await receiptOf(world, 'twilio', id)).toMatchObject({ receipt: 'undelivered' })
  expect([times('ignored'), times('ignored', 'aliyun'), times('undelivered')]).toEqual([1, 1, 1])
})

test('of many at once, one is the first', async () => {
  await Promise.all(Array.from({ length: 20 }, () => take(receipt('undelivered'))))
  expect([times('undelivered'), times('ignored')]).toEqual([1, 19])
})

test('a message without a provider matches no receipt', async () => {
  const { store, outbox } = world.services.domain
  const message = { channel: 'phone', to: '+8613800138000', locale: 'en', subject: '', text: '' } as const
  const about = { channel: 'phone', purpose: 'notice', accountId: null, notAfter: world.clock.now() + 1000 } as const
  await store.transaction(queries => outbox.add(queries, { ...message, code: null, link: null, notice: null }, about))
  await take(receipt('undelivered', ''), receipt('undelivered', 'null'))
  expect([times('undelivered'), times('ignored')]).toEqual([0, 2])
})
