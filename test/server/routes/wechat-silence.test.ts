// WeChat waits a moment for the answer to a push, and repeats what has had none: slow and failing stores.

import { afterEach, expect, test, vi } from 'vitest'
import type { Store } from '../../../src/server/domain/ports/store.ts'
import { until } from '../../support/until.ts'
import { openWeChatWorld, type WeChatWorld } from '../../support/wechat-world.ts'

let world: WeChatWorld
afterEach(async () => {
  vi.restoreAllMocks()
  await world.close()
})

/** Somebody who has begun, and is about to scan. */
async function scanner(options: Parameters<typeof openWeChatWorld>[0] = {}) {
  world = await openWeChatWorld({ answerTimeout: 400, ...options })
  const member = await world.joinQuickly('patient')
  const { binding_id, qr } = await world.beginBinding(member)
  const { store } = world.services.domain
  const transaction = store.transaction.bind(store)
  return {
    push: world.wechat.scanFor(qr.payload, { openid: 'oPatient' }),
    stateNow: async () => (await world.services.wechatBindings.read(member, binding_id)).state,
    events: async () => (await store.read.events.list(member.account.id, 50, undefined)).map(({ action }) => action),
    /** Has the store do this before each of its transactions, until it is restored. */
    before: (work: (nth: number) => Promise<void>) => {
      let nth = 0
      const stalling: Store['transaction'] = async body => {
        await work(++nth)
        return transaction(body)
      }
      return vi.spyOn(store, 'transaction').mockImplementation(stalling)
    },
  }
}

test('a store that stalls: WeChat repeats, and the repetition is answered with what the scan came to', async () => {
  const { push, before, events, stateNow } = await scanner()
  let open = () => {}
  const gate = new Promise<void>(resolve => {
    open = resolve
  })
  const stalled = before(nth => {
    if (nth === 3) open()
    return gate
  })
  expect(await push()).toMatchObject({ outcome: 'scanned', reply: expect.stringContaining('is now bound to p***t') })
  expect(stalled.mock.calls.length).toBeGreaterThanOrEqual(3)
  expect(await stateNow()).toBe('bound')
  expect(await events()).toEqual(['wechat.bind'])
})

test('with a code to be typed, the repetition shows the code that works', async () => {
  const { push, before } = await scanner({ confirmByCode: true })
  let open = () => {}
  const gate = new Promise<void>(resolve => {
    open = resolve
  })
  before(nth => {
    if (nth === 2) open()
    return gate
  })
  const first = await push()
  expect(first).toMatchObject({ outcome: 'scanned', reply: expect.stringMatching(/\d{6}/) })
  vi.restoreAllMocks()
  expect(await push()).toEqual(first)
})

test('a store that fails once: there is no answer, and the repetition binds', async () => {
  const { push, before, events } = await scanner()
  const failing = before(async nth => {
    if (nth === 1) throw new Error('the disk is full')
  })
  expect(await push()).toMatchObject({ outcome: 'scanned', reply: expect.stringContaining('is now bound to p***t') })
  expect(failing).toHaveBeenCalled()
  expect(await events()).toEqual(['wechat.bind'])
  const log = world.callbackLog.join('')
  expect(log).toContain('the disk is full')
  expect(log).not.toContain('oPatient')
})

test('a store that goes on failing: four requests without an answer, none bound, and the QR code still good', async () => {
  const { push, before, stateNow } = await scanner({ answerTimeout: 200 })
  before(async () => {
    throw new Error('the disk is full')
  })
  expect(await push()).toEqual({ outcome: 'undelivered', openid: 'oPatient', status: undefined })
  expect(world.callbackLog.filter(line => line.includes('the disk is full'))).toHaveLength(4)
  vi.restoreAllMocks()
  expect(await stateNow()).toBe('waiting')
  expect(await push()).toMatchObject({ outcome: 'scanned', reply: expect.stringContaining('is now bound') })
})

test('who waits in vain is let go after six seconds, and at once when the server ends', async () => {
  const { push, before } = await scanner({ answerTimeout: 15_000 })
  before(async () => {
    throw new Error('the disk is full')
  })
  const faults = () => world.callbackLog.filter(line => line.includes('the disk is full')).length
  const pushed = push()
  await until('the fault', () => faults() === 1 || undefined)
  world.clock.advance(5999)
  expect(faults()).toBe(1)
  world.clock.advance(1)
  // The connection has been closed, so that WeChat tries again.
  await until('the repetition', () => faults() === 2 || undefined)
  const closing = world.close()
  expect(await pushed).toMatchObject({ outcome: 'undelivered', status: undefined })
  await closing
  world = await openWeChatWorld()
})
