// 1,000 people scan, each for an account of their own; every push comes twice, out of order and sixteen at once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import type { Member } from '../../../src/server/domain/domain.ts'
import type { ScanResult } from '../../../src/simulators/wechat/phone.ts'
import { openWeChatWorld, type WeChatWorld } from '../../support/wechat-world.ts'

const crowd = 1000
const pushesAtOnce = 16

interface Scanner {
  readonly member: Member
  readonly openid: string
  readonly bindingId: string
  push(): Promise<ScanResult>
}

let world: WeChatWorld
const scanners: Scanner[] = []
let pushes: Scanner[] = []

beforeAll(async () => {
  world = await openWeChatWorld()
  await eachOf(
    Array.from({ length: crowd }, (_, index) => index),
    32,
    async index => {
      const member = await world.joinQuickly(`${String(index).padStart(4, '0')}x${index % 10}`)
      const { binding_id, qr } = await world.beginBinding(member)
      const openid = `oRush${String(index).padStart(6, '0')}`
      const push = world.wechat.scanFor(qr.payload, { openid })
      scanners.push({ member, openid, bindingId: binding_id, push })
    },
  )
  pushes = shuffled([...scanners, ...scanners])
}, 40_000)
afterAll(() => world.close())

describe('1,000 scans', () => {
  // In parts, because one test may take no longer than 20 seconds, on a busy machine too.
  test.each([1, 2, 3, 4])(
    'are each answered with the right account, both times: part %i of 4',
    async part => {
      const those = pushes.slice(((part - 1) * pushes.length) / 4, (part * pushes.length) / 4)
      await eachOf(those, pushesAtOnce, async ({ push, member }) => {
        const { username } = member.account
        const reply = expect.stringContaining(`is now bound to ${username[0]}***${username.at(-1)} `)
        expect(await push()).toMatchObject({ outcome: 'scanned', reply })
      })
    },
    20_000,
  )

  test('bind 1,000 people to their own accounts, with one event each', async () => {
    const { store } = world.services.domain
    for (const { member, openid, bindingId } of scanners) {
      const { id } = member.account
      expect((await store.read.authenticators.findWeChat(id))?.openid).toBe(openid)
      const state = await world.services.wechatBindings.read(member, bindingId)
      expect(state).toMatchObject({ state: 'bound', replaced: false })
      const events = await store.read.events.list(id, 10, undefined)
      expect(events.map(({ action }) => action)).toEqual(['wechat.bind'])
    }
  }, 20_000)

  test('are told to 1,000 addresses, once each', async () => {
    await expect.poll(() => world.sent.length, { timeout: 18_000 }).toBe(crowd)
    expect(world.sent.map(({ to }) => to).sort()).toEqual(
      scanners.map(({ member }) => member.account.email_address).sort(),
    )
  }, 20_000)
})

async function eachOf<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map(item => ({ item, key: Buffer.from(systemRandom.bytes(6)).readUIntBE(0, 6) }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
