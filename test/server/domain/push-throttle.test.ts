import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Domain } from '../../../src/server/domain/domain.ts'
import { refusePush } from '../../../src/server/domain/push-throttle.ts'
import { throttlePolicies } from '../../../src/server/domain/throttle.ts'
import { countedHere } from '../../support/counted.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'

const { free, firstWait } = throttlePolicies.push
const push = { source: '192.0.2.7', path: '/receipts/twilio', reason: 'signature' }

let world: ServerWorld
let counted: ReturnType<typeof countedHere>
let writes = 0
let domain: Pick<Domain, 'store' | 'clock' | 'counters'>

beforeEach(async () => {
  world = await openServerWorld()
  counted = countedHere()
  writes = 0
  const { store, clock } = world.services.domain
  domain = {
    store: {
      ...store,
      transaction: body => {
        writes += 1
        return store.transaction(body)
      },
    },
    clock,
    counters: counted,
  }
})
afterEach(() => world.close())

async function refuse(times: number, more: Partial<typeof push> = {}) {
  const outcomes: string[] = []
  for (let index = 0; index < times; index += 1) outcomes.push(await refusePush(domain, { ...push, ...more }))
  return { refused: outcomes.filter(outcome => outcome === 'refused').length, last: outcomes.at(-1) }
}

test('so many are free; then a source is blocked, and what it sends costs no write', async () => {
  expect(await refuse(free)).toEqual({ refused: free, last: 'refused' })
  expect(writes).toBe(free)
  expect(await refuse(200)).toEqual({ refused: 0, last: 'throttled' })
  expect(writes).toBe(free)
  expect(counted.times('pushes_refused', { path: push.path, reason: push.reason })).toBe(free + 200)
})

test('each path counts for the source, and no source for another', async () => {
  await refuse(free, { path: '/wechat/callback' })
  expect((await refuse(1)).last).toBe('throttled')
  expect((await refuse(1, { source: '192.0.2.8' })).last).toBe('refused')
})

test('a block ends, comes back sooner and stays longer, and is forgotten in time', async () => {
  await refuse(free)
  world.clock.advance(firstWait)
  expect(await refuse(5)).toEqual({ refused: 1, last: 'throttled' })
  world.clock.advance(firstWait)
  expect((await refuse(1)).last).toBe('throttled')
  world.clock.advance(firstWait)
  expect((await refuse(1)).last).toBe('refused')
  world.clock.advance(60 * 60_000)
  expect(await refuse(free)).toEqual({ refused: free, last: 'refused' })
})

test('a flood at once is counted as one after the other', async () => {
  const outcomes = await Promise.all(Array.from({ length: 5 * free }, () => refusePush(domain, push)))
  expect(outcomes.filter(outcome => outcome === 'refused')).toHaveLength(free)
})

test('of a push every second, few cost a write', async () => {
  const seconds = 600
  for (let second = 0; second < seconds; second += 1) {
    await refuse(1)
    world.clock.advance(1000)
  }
  expect(writes).toBeLessThan(free + seconds / 6)
})

test('a fault of the database is no throttle', async () => {
  const broken = { ...domain, store: { ...domain.store, transaction: () => Promise.reject(new Error('disk full')) } }
  await expect(refusePush(broken, push)).rejects.toThrow('disk full')
})
