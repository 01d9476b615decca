import { expect, test } from 'vitest'
import type { CallOptions, Channel } from '../../../src/hid/ctaphid/channel.ts'
import { within } from '../../../src/hid/ctaphid/within.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** What it says of itself are getters, as with a channel that the key may renew. */
class Renewed implements Channel {
  round = 1
  readonly asked: CallOptions[] = []
  get id() {
    return this.round
  }
  get protocolVersion() {
    return this.round + 1
  }
  get deviceVersion(): readonly [number, number, number] {
    return [this.round, 0, 0]
  }
  get capabilities() {
    return this.round + 2
  }
  async call(_command: number, payload: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    this.asked.push(options)
    return payload
  }
}

test('a channel of limited time says of itself what the channel says, and its calls share the time', async () => {
  const clock = new VirtualClock()
  const channel = new Renewed()
  const limited = within(channel, clock, 1000)
  channel.round = 5
  const { id, protocolVersion, deviceVersion, capabilities } = limited
  expect([id, protocolVersion, deviceVersion, capabilities]).toEqual([5, 6, [5, 0, 0], 7])
  const silence = 7
  expect(await limited.call(3, Uint8Array.of(4), { silence, timeout: 1e6 })).toEqual(Uint8Array.of(4))
  await clock.sleep(900)
  await limited.call(3, Uint8Array.of(4))
  await clock.sleep(200)
  await limited.call(3, Uint8Array.of(4))
  expect(channel.asked).toEqual([{ silence, timeout: 1000 }, { timeout: 100 }, { timeout: 1 }])
})
