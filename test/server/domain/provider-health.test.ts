import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createProviderHealth, type SharedProviderHealth } from '../../../src/server/domain/delivery/provider-health.ts'
import { afterFailure, isOffAt, working } from '../../../src/server/domain/delivery/provider-state.ts'
import { checkProviders, singleProvider, withHealth } from '../../../src/server/domain/delivery/providers.ts'
import { DeliveryError, type DeliveryFailure } from '../../../src/server/domain/ports/delivery-error.ts'
import type { MessageProvider } from '../../../src/server/domain/ports/messages.ts'
import { codeTo, type Delivery, openDelivery, taken } from '../../support/delivery.ts'

const second = 1000
let delivery: Delivery
let logged: string[]
beforeEach(async () => {
  delivery = await openDelivery()
  logged = []
})
afterEach(() => delivery.close())

const tell = (facts: object, message: string) => void logged.push(`${message} ${JSON.stringify(facts)}`)
const log = { info: tell, warn: tell }
const openHealth = (): SharedProviderHealth => createProviderHealth({ ...delivery, log })
const error = (failure: DeliveryFailure, provider: 'smtp' | 'twilio' = 'smtp') =>
  new DeliveryError(failure, provider, 'does not work')
const rows = () => delivery.store.read.providerHealth.list()

/** For how long a provider is left out, in seconds, by the failures that follow each other as soon as it is tried. */
async function waits(failure: DeliveryFailure, times: number): Promise<number[]> {
  const health = openHealth()
  const found: number[] = []
  for (let index = 0; index < times; index += 1) {
    health.failed(error(failure))
    await health.stop()
    const [row] = await rows()
    const wait = Math.max(0, (row?.retry_at ?? 0) - delivery.clock.now())
    found.push(wait / second)
    if (wait > 0) delivery.clock.advance(wait - 1)
    expect(health.isOff('smtp')).toBe(wait > 0)
    delivery.clock.advance(1)
    expect(health.isOff('smtp')).toBe(false)
  }
  await health.stop()
  return found
}

describe('a provider is left out', () => {
  test('at once when it refuses our credentials: a minute, doubling to ten', async () => {
    expect(await waits('misconfigured', 6)).toEqual([60, 120, 240, 480, 600, 600])
  })

  test.each(['unreachable', 'uncertain'] as const)('after five in a row that were %s', async failure => {
    expect(await waits(failure, 12)).toEqual([0, 0, 0, 0, 10, 20, 40, 80, 160, 300, 300, 300])
  })

  test.each(['throttled', 'refused'] as const)('never because a message was %s', async failure => {
    expect(await waits(failure, 7)).toEqual([0, 0, 0, 0, 0, 0, 0])
  })

  test('not when it works, or answers, in between', async () => {
    const health = openHealth()
    for (let index = 0; index < 20; index += 1) {
      for (let row = 0; row < 4; row += 1) health.failed(error('unreachable'))
      if (index % 2) health.worked('smtp')
      else health.failed(error('refused'))
    }
    expect(health.isOff('smtp')).toBe(false)
    expect(await rows()).toEqual([])
  })

  test('once, however many attempts were under way', async () => {
    const health = openHealth()
    for (let index = 0; index < 50; index += 1) health.failed(error('unreachable'))
    delivery.clock.advance(10 * second)
    expect(health.isOff('smtp')).toBe(false)
    health.failed(error('misconfigured'))
    delivery.clock.advance(60 * second)
    expect(health.isOff('smtp')).toBe(false)
    await health.stop()
  })

  test('alone', async () => {
    const health = openHealth()
    health.failed(error('misconfigured', 'twilio'))
    expect([health.isOff('twilio'), health.isOff('smtp')]).toEqual([true, false])
    await health.stop()
  })
})

test('a provider that works again is in use everywhere, and starts anew', async () => {
  const health = openHealth()
  health.failed(error('misconfigured'))
  delivery.clock.advance(60 * second)
  health.failed(error('misconfigured'))
  health.worked('smtp')
  expect(health.isOff('smtp')).toBe(false)
  await health.stop()
  expect(await rows()).toMatchObject([{ failures: 0, failure: null, retry_at: 0 }])
  health.failed(error('misconfigured'))
  delivery.clock.advance(60 * second)
  expect(health.isOff('smtp')).toBe(false)
  await health.stop()
  expect(logged.join()).toMatch(/is off.*works again/)
})

test('a clock that is put back leaves no provider out for hours', async () => {
  const health = openHealth()
  health.failed(error('misconfigured'))
  expect(health.isOff('smtp')).toBe(true)
  delivery.clock.advance(-3600 * second)
  expect(health.isOff('smtp')).toBe(false)
  await health.stop()
})

test('what one process finds out the others know within seconds, and a new one at its start', async () => {
  const [one, other] = [openHealth(), openHealth()]
  expect(other.isOff('smtp')).toBe(false)
  one.failed(error('misconfigured'))
  await one.stop()
  delivery.clock.advance(3 * second)
  await expect.poll(() => other.isOff('smtp')).toBe(true)
  const late = openHealth()
  await late.refresh()
  expect(late.isOff('smtp')).toBe(true)
  one.worked('smtp')
  await one.stop()
  delivery.clock.advance(3 * second)
  await expect.poll(() => other.isOff('smtp')).toBe(false)
})

test('processes that find out the same at once count it once', async () => {
  const all = [openHealth(), openHealth(), openHealth()]
  for (const health of all) health.failed(error('misconfigured'))
  for (const health of all) await health.stop()
  expect(await rows()).toMatchObject([{ failures: 1, retry_at: delivery.clock.now() + 60 * second }])
})

test('a process that hears of it late does not take back what another has found out', async () => {
  const [one, late] = [openHealth(), openHealth()]
  await late.refresh()
  one.failed(error('misconfigured'))
  delivery.clock.advance(60 * second)
  one.failed(error('misconfigured'))
  await one.stop()
  const [row] = await rows()
  late.failed(error('misconfigured'))
  await late.stop()
  expect(await rows()).toEqual([row])
  delivery.clock.advance(119 * second)
  expect([one.isOff('smtp'), late.isOff('smtp')]).toEqual([true, true])
})

test('nothing is written for what works, nor read more often than every few seconds', async () => {
  let reads = 0
  let writes = 0
  const counting = {
    ...delivery.store,
    transaction: () => Promise.reject(new Error(`written ${++writes}`)),
    read: {
      ...delivery.store.read,
      providerHealth: {
        ...delivery.store.read.providerHealth,
        list: () => {
          reads += 1
          return delivery.store.read.providerHealth.list()
        },
      },
    },
  }
  const health = createProviderHealth({ store: counting, clock: delivery.clock, log })
  for (let index = 0; index < 1000; index += 1) {
    health.worked('smtp')
    health.isOff('smtp')
    if (index % 100 === 99) delivery.clock.advance(second)
  }
  await health.stop()
  expect(writes).toBe(0)
  expect(reads).toBeLessThanOrEqual(4)
})

test('the waits of any failures are bounded, and what fails while it is off changes nothing but for the worse', () => {
  const kinds = fc.array(fc.tuple(fc.constantFrom('misconfigured' as const, 'unreachable' as const), fc.nat(700)))
  fc.assert(
    fc.property(kinds, run => {
      let [state, now] = [working, 1_000_000]
      for (const [kind, wait] of run) {
        const before = state
        state = afterFailure(state, kind, now)
        if (isOffAt(before, now) && kind === 'unreachable') expect(state).toBe(before)
        expect(state.retryAt).toBeGreaterThanOrEqual(Math.min(before.retryAt, now))
        expect(state.retryAt - now).toBeLessThanOrEqual(600 * second)
        if (kind === 'misconfigured') expect(isOffAt(state, now)).toBe(true)
        now += wait * second
      }
    }),
  )
})

const providerOf = (work: (signal: AbortSignal) => Promise<void>): MessageProvider => ({
  name: 'smtp',
  send: (_message, signal) => work(signal).then(() => taken),
  check: work,
  close: async () => {},
})
const message = { ...codeTo('a@example.com'), id: 'x' }
const never = new AbortController().signal

test('each attempt is told and counted, with its outcome', async () => {
  const health = openHealth()
  const counted: unknown[] = []
  const counters = { count: (name: string, labels: object) => void counted.push({ name, ...labels }) }
  let isMended = false
  const provider = providerOf(async () => {
    if (!isMended) throw error('misconfigured')
  })
  const sender = singleProvider(withHealth(provider, health, counters), health)
  expect(sender.reach(null)).toBe('available')
  await expect(sender.send(message, never)).rejects.toThrow('does not work')
  expect(sender.reach('a@example.com')).toBe('off')
  isMended = true
  await sender.send(message, never)
  expect(sender.reach(null)).toBe('available')
  const counts = { name: 'deliveries', channel: 'email', provider: 'smtp' }
  expect(counted).toEqual([
    { ...counts, outcome: 'misconfigured' },
    { ...counts, outcome: 'sent' },
  ])
  await health.stop()
})

test('an attempt that we called off says nothing of the provider, one that took too long does', async () => {
  const health = openHealth()
  const provider = withHealth(
    providerOf(async () => {
      throw error('unreachable')
    }),
    health,
  )
  const calledOff = AbortSignal.abort()
  for (let index = 0; index < 9; index += 1) await provider.send(message, calledOff).catch(() => {})
  expect(health.isOff('smtp')).toBe(false)
  const tooLong = AbortSignal.abort(new DOMException('took too long', 'TimeoutError'))
  for (let index = 0; index < 5; index += 1) await provider.send(message, tooLong).catch(() => {})
  expect(health.isOff('smtp')).toBe(true)
  await health.stop()
})

test('providers are checked at the start: what does not work is off and named, with the reason', async () => {
  const health = openHealth()
  const good = { ...providerOf(async () => {}), name: 'twilio' as const }
  const bad = providerOf(async () => {
    throw new DeliveryError('misconfigured', 'smtp', 'the password was refused')
  })
  const broken = {
    ...providerOf(async () => {
      throw new TypeError('secret')
    }),
    name: 'aliyun' as const,
  }
  await checkProviders(
    [good, bad, broken].map(provider => withHealth(provider, health)),
    log,
    never,
  )
  expect([health.isOff('twilio'), health.isOff('smtp')]).toEqual([false, true])
  expect(logged.join('\n')).toMatch(/is ready \{"provider":"twilio"\}/)
  expect(logged.join('\n')).toMatch(/is not ready.*smtp.*misconfigured.*the password was refused/)
  expect(logged.join('\n')).not.toContain('secret')
  await health.stop()
})

test('a check ends when the server does', async () => {
  const stop = new AbortController()
  const hanging = providerOf(
    signal =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(error('unreachable')), { once: true })),
  )
  const checked = checkProviders([hanging], log, stop.signal)
  stop.abort()
  await checked
  expect(logged).toEqual([])
})
