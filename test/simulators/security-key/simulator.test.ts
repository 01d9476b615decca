import { createSocket } from 'node:dgram'
import { on, once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { type SecurityKeyOptions, startSecurityKey } from '../../../src/simulators/security-key/index.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A key over UDP, and a way to send it a message of one packet and hear one packet. */
async function start(options: Partial<SecurityKeyOptions> = {}) {
  const simulator = await startSecurityKey({ clock: systemClock, random: systemRandom, ...options })
  const socket = createSocket('udp4')
  closing.push(simulator.close, async () => {
    socket.close()
    await once(socket, 'close')
  })
  const exchange = async (hex: string): Promise<string> => {
    socket.send(fromHex(hex.padEnd(128, '0')), simulator.port, '127.0.0.1')
    for await (const [datagram] of on(socket, 'message')) {
      const report = toHex(new Uint8Array(datagram))
      if (report.slice(8, 10) !== 'bb') return report
    }
    throw new Error('no answer')
  }
  const open = async () => (await exchange('ffffffff8600080102030405060708')).slice(30, 38)
  return { simulator, exchange, open }
}

/** getAssertion at the site `a` with the option uv. */
const verified = (channel: string) => `${channel}90002e02a3016161025820${'00'.repeat(32)}05a1627576f5`
const uvRetries = (channel: string) => `${channel}90000606a201020207`

test('the finger and the power are the person’s', async () => {
  const { simulator, exchange, open } = await start({ userVerification: 'fingerprint' })
  const channel = await open()
  expect(await exchange(uvRetries(channel))).toMatch(new RegExp(`^${channel}90000400a10505`))
  expect(await exchange(verified(channel))).toMatch(new RegExp(`^${channel}9000012e`))
  simulator.setFinger('mismatch')
  expect(await exchange(verified(channel))).toMatch(new RegExp(`^${channel}90000127`))
  simulator.powerCycle()
  expect(await exchange(uvRetries(channel))).toMatch(new RegExp(`^${channel}bf00010b`))
  const next = await open()
  expect(await exchange(uvRetries(next))).toMatch(new RegExp(`^${next}90000400a10502`))
  expect(simulator.received).toMatchObject({ init: 2, cbor: 4 })
})

test('a U2F key is one over UDP, too', async () => {
  const { simulator, exchange, open } = await start({ profile: 'u2f' })
  const channel = await open()
  expect(await exchange(`${channel}83000400030000`)).toMatch(new RegExp(`^${channel}830008.{12}9000`))
  expect(simulator.received).toMatchObject({ msg: 1 })
})
