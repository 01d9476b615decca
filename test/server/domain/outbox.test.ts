import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DeliveryError } from '../../../src/server/domain/ports/delivery-error.ts'
import type { OutgoingMessage } from '../../../src/server/domain/ports/messages.ts'
import { codes, codeTo, type Delivery, minute, openDelivery, senderOf, taken } from '../../support/delivery.ts'
import { hasQueued, openServerWorld } from '../../support/server-world.ts'

let delivery: Delivery
let sent: OutgoingMessage[]
beforeEach(async () => {
  delivery = await openDelivery()
  sent = []
})
afterEach(() => delivery.close())

const recording = senderOf(async message => {
  sent.push(message)
  return taken
})
const recipients = () => sent.map(({ to }) => to)
const failing = (failure: DeliveryError['failure'], times = Number.POSITIVE_INFINITY, retryAfter?: number) =>
  senderOf(async message => {
    if (times-- > 0) throw new DeliveryError(failure, 'smtp', 'does not work', retryAfter)
    sent.push(message)
    return taken
  })
const states = (id: string) =>
  delivery.row(id).then(({ sent_at, failed_at, failure }) => ({
    sent: sent_at !== null,
    failed: failed_at !== null,
    failure,
  }))
const queued = { sent: false, failed: false, failure: null }

describe('a message', () => {
  test('is sent after the commit of its transaction, with its code as text; its content is forgotten', async () => {
    const outbox = delivery.start({ email: recording })
    const id = await delivery.add('a@example.com')
    outbox.wake()
    await expect.poll(() => states(id)).toEqual({ ...queued, sent: true })
    expect(sent).toEqual([{ ...codeTo('a@example.com'), id }])
    const row = await delivery.row(id)
    expect(row).toMatchObject({ provider: 'smtp', attempts: 1, claim_id: null, lapsed: 0 })
    expect(row.sealed_message).toHaveLength(0)
  })

  test('of a transaction that is rolled back does not exist', async () => {
    const outbox = delivery.start({ email: recording })
    const rolledBack = delivery.store.transaction(async queries => {
      const about = { channel: 'email', purpose: 'bind', accountId: null, notAfter: delivery.clock.now() + minute }
      await outbox.add(queries, codeTo('a@example.com'), about as Parameters<typeof outbox.add>[2])
      throw new Error('no')
    })
    await expect(rolledBack).rejects.toThrow('no')
    expect(await delivery.store.read.outbox.nextDueAt(codes)).toBeUndefined()
  })

  test('to nobody costs a row, is claimed like the others, and reaches nobody', async () => {
    const outbox = delivery.start({ email: recording })
    const id = await delivery.add(undefined)
    outbox.wake()
    await expect.poll(() => states(id)).toEqual({ ...queued, sent: true })
    expect(sent).toEqual([])
    expect(await delivery.row(id)).toMatchObject({ attempts: 1, provider: null })
  })

  test('is found without being told of it: another process may have added it', async () => {
    delivery.start({ email: recording })
    await delivery.add('a@example.com')
    await expect
      .poll(() => {
        delivery.clock.advance(5000)
        return recipients()
      })
      .toEqual(['a@example.com'])
  })

  test('is left alone by a process that can send nothing', async () => {
    const id = await delivery.add('a@example.com', { channel: 'phone' })
    const other = await delivery.add('b@example.com')
    delivery.start({ email: recording })
    await expect.poll(() => states(other)).toMatchObject({ sent: true })
    expect(await delivery.row(id)).toMatchObject({ attempts: 0, claim_id: null })
  })
})

describe('what a provider does not take', () => {
  test('because it can not be reached is tried again, later each time; no log names code or address', async () => {
    const outbox = delivery.start({ email: failing('unreachable', 2) })
    const id = await delivery.add('a@example.com')
    outbox.wake()
    await expect.poll(() => delivery.row(id)).toMatchObject({ attempts: 1, claim_id: null, failure: 'unreachable' })
    delivery.clock.advance(2000)
    await expect.poll(() => delivery.row(id)).toMatchObject({ attempts: 2, claim_id: null })
    delivery.clock.advance(4000)
    await expect.poll(() => states(id)).toEqual({ ...queued, sent: true })
    expect(delivery.logged.join()).toContain(id)
    expect(delivery.logged.join()).not.toMatch(/012345|a@example/)
  })

  test('is given up as soon as its next turn would come too late', async () => {
    const outbox = delivery.start({ email: failing('unreachable') })
    const id = await delivery.add('a@example.com', { notAfter: delivery.clock.now() + 900 })
    outbox.wake()
    await expect.poll(() => states(id)).toEqual({ sent: false, failed: true, failure: 'unreachable' })
    expect((await delivery.row(id)).sealed_message).toHaveLength(0)
    expect(delivery.counted).toEqual([
      { name: 'messages_failed', channel: 'email', purpose: 'bind', failure: 'unreachable' },
    ])
  })

  test('because the destination does not exist is given up at once', async () => {
    const outbox = delivery.start({ email: failing('refused') })
    const id = await delivery.add('a@example.com')
    outbox.wake()
    await expect.poll(() => states(id)).toEqual({ sent: false, failed: true, failure: 'refused' })
    expect(await delivery.row(id)).toMatchObject({ attempts: 1 })
  })

  test('because it is throttled waits as long as it is told to', async () => {
    const outbox = delivery.start({ email: failing('throttled', 1, 90_000) })
    const id = await delivery.add('a@example.com')
    outbox.wake()
    await expect.poll(() => delivery.row(id)).toMatchObject({ failure: 'throttled', claim_id: null })
    expect((await delivery.row(id)).next_attempt_at).toBe(delivery.clock.now() + 90_000)
    delivery.clock.advance(90_000)
    await expect.poll(() => states(id)).toEqual({ ...queued, sent: true })
  })

  test('because it is throttled for longer than the code lives is given up now', async () => {
    const outbox = delivery.start({ email: failing('throttled', 1, 11 * minute) })
    const id = await delivery.add('a@example.com')
    outbox.wake()
    await expect.poll(() => states(id)).toEqual({ sent: false, failed: true, failure: 'throttled' })
  })

  test('for want of configuration is tried again slowly', async () => {
    const outbox = delivery.start({ email: failing('misconfigured', 1) })
    const id = await delivery.add('a@example.com')
    outbox.wake()
    await expect.poll(() => delivery.row(id)).toMatchObject({ failure: 'misconfigured', claim_id: null })
    expect((await delivery.row(id)).next_attempt_at).toBeGreaterThanOrEqual(delivery.clock.now() + 30_000)
    delivery.clock.advance(minute)
    await expect.poll(() => states(id)).toEqual({ ...queued, sent: true })
  })

  test('may have taken it all the same: it is not sent again', async () => {
    const outbox = delivery.start({ email: failing('uncertain', 1) })
    const id = await delivery.add('a@example.com')
    outbox.wake()
    await expect.poll(() => states(id)).toEqual({ sent: true, failed: false, failure: 'uncertain' })
    delivery.clock.advance(5 * minute)
    const next = await delivery.add('b@example.com')
    outbox.wake()
    await expect.poll(() => states(next)).toMatchObject({ sent: true })
    expect(recipients()).toEqual(['b@example.com'])
  })

  test('for a mistake in the sender is tried once more, and its text is not logged', async () => {
    const broken = senderOf(async message => {
      sent.push(message)
      throw new TypeError(`${message.code} to ${message.to}`)
    })
    const outbox = delivery.start({ email: broken })
    const id = await delivery.add('a@example.com')
    outbox.wake()
    await expect.poll(() => delivery.row(id)).toMatchObject({ lapsed: 1, claim_id: null })
    delivery.clock.advance(2000)
    await expect.poll(() => states(id)).toEqual({ sent: false, failed: true, failure: 'lapsed' })
    expect(sent).toHaveLength(2)
    expect(delivery.logged.join()).toContain('TypeError')
    expect(delivery.logged.join()).not.toMatch(/012345|a@example/)
  })
})

test('what makes no sense any more is not sent', async () => {
  const id = await delivery.add('a@example.com')
  delivery.clock.advance(10 * minute)
  delivery.start({ email: recording })
  await expect.poll(() => states(id)).toEqual({ sent: false, failed: true, failure: 'expired' })
  expect(sent).toEqual([])
})

test('a message that can not be opened stops no other', async () => {
  const outbox = delivery.start({ email: recording })
  const foreign = { ...(await delivery.row(await delivery.add('x@example.com'))), id: 'foreign', created_at: 0 }
  await delivery.store.transaction(queries => queries.outbox.insert(foreign))
  outbox.wake()
  await expect.poll(() => delivery.row('foreign')).toMatchObject({ lapsed: 1, claim_id: null })
  await expect.poll(recipients).toEqual(['x@example.com'])
  delivery.clock.advance(2000)
  await expect.poll(() => states('foreign')).toEqual({ sent: false, failed: true, failure: 'lapsed' })
})

describe('while its channel is off', () => {
  test('a message waits without an attempt, a decoy too, and goes out when it works again', async () => {
    let isOff = true
    const outbox = delivery.start({
      email: senderOf(
        async message => {
          sent.push(message)
          return taken
        },
        () => isOff,
      ),
    })
    expect(outbox.reach('email', null)).toBe('off')
    expect(outbox.reach('phone', null)).toBe('off')
    const id = await delivery.add('a@example.com')
    const decoy = await delivery.add(undefined)
    outbox.wake()
    delivery.clock.advance(minute)
    outbox.wake()
    expect(await delivery.row(id)).toMatchObject({ attempts: 0 })
    expect(await delivery.row(decoy)).toMatchObject({ attempts: 0 })
    isOff = false
    outbox.wake()
    await expect.poll(() => states(id)).toEqual({ ...queued, sent: true })
    await expect.poll(() => states(decoy)).toEqual({ ...queued, sent: true })
  })

  test('a message whose time passes is given up', async () => {
    const outbox = delivery.start({
      email: senderOf(
        async () => taken,
        () => true,
      ),
    })
    const id = await delivery.add('a@example.com', { notAfter: delivery.clock.now() + 1000 })
    const later = await delivery.add('b@example.com')
    delivery.clock.advance(1000)
    outbox.wake()
    await expect.poll(() => states(id)).toEqual({ sent: false, failed: true, failure: 'expired' })
    expect(await states(later)).toEqual(queued)
  })
})

test('a code of a flow arrives by the services, too', async () => {
  const world = await openServerWorld()
  try {
    const member = await world.join('whole')
    await world.bindPhone(member, '+8613800138000')
    await expect.poll(() => hasQueued(world.services)).toBe(false)
    expect(world.sent.map(({ to }) => to)).toContain('+8613800138000')
  } finally {
    await world.close()
  }
})
