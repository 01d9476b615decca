import { Ctap2Authenticator } from '../../src/hid/ctap2/authenticator.ts'
import { getInfo } from '../../src/hid/ctap2/get-info.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { MemoryDevice } from './memory-device.ts'
import { type Ctap2Answer, type Ctap2Request, ScriptedChannel } from './scripted-channel.ts'
import { seededRandom } from './seeded-random.ts'
import { VirtualClock } from './virtual-clock.ts'

/** A key behind a scripted channel. The channel's notes begin after the getInfo that opening takes. */
export async function scriptedAuthenticator(
  respond: (request: Ctap2Request) => Ctap2Answer,
  { clock = new VirtualClock(), capabilities }: { clock?: Clock; capabilities?: number } = {},
): Promise<{ key: Ctap2Authenticator; channel: ScriptedChannel }> {
  const channel = new ScriptedChannel(respond, capabilities)
  const info = await getInfo(channel)
  channel.requests.length = 0
  channel.options.length = 0
  const device = new MemoryDevice(clock, () => {})
  return { key: new Ctap2Authenticator({ device, channel, info, clock, random: seededRandom('scripted') }), channel }
}
