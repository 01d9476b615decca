import { describe, expect, test } from 'vitest'
import { openChannel } from '../../../src/hid/ctaphid/channel.ts'
import { lock, ping, wink } from '../../../src/hid/ctaphid/commands.ts'
import { command, hidError, hidErrorNames } from '../../../src/hid/ctaphid/constants.ts'
import { framesOf } from '../../../src/hid/ctaphid/framing.ts'
import { hidFailure } from '../../../src/hid/ctaphid/line.ts'
import { SecurityKeyDevice, SoftwareAuthenticator } from '../../../src/simulators/security-key/index.ts'
import { connectedTo, MemoryDevice } from '../../support/memory-device.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { u2fDevice } from '../../support/u2f-device.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

async function setUp() {
  const clock = new VirtualClock()
  const random = seededRandom('commands')
  const key = new SecurityKeyDevice(new SoftwareAuthenticator({ random, clock }), { clock, random })
  const open = () => openChannel(connectedTo(clock, key), { clock, random })
  return { clock, random, key, open, channel: await open() }
}

describe('PING', () => {
  test.each([0, 1, 57, 58, 7609])('of %i bytes comes back', async length => {
    const { channel, key, random } = await setUp()
    await ping(channel, random.bytes(length))
    expect(key.received).toMatchObject({ ping: 1 })
  })

  test('with other bytes is an error, and of 7610 bytes too long', async () => {
    const { channel, clock, random } = await setUp()
    await expect(ping(channel, new Uint8Array(7610))).rejects.toMatchObject({ code: 'key_request_too_large' })
    const liar = new MemoryDevice(clock, (report, push) => {
      if (report[4] === 0x86) {
        const answer = report.slice()
        answer.set([17, ...report.subarray(7, 15), 0, 0, 0, 9, 2, 0, 0, 0, 0], 6)
        push(answer)
      } else for (const frame of framesOf(9, { command: command.ping, payload: Uint8Array.of(1, 3) })) push(frame)
    })
    const lying = await openChannel(liar, { clock, random })
    await expect(ping(lying, Uint8Array.of(1, 2))).rejects.toMatchObject({ code: 'key_protocol' })
  })
})

test('WINK is sent to a key that can', async () => {
  const { channel, key, clock, random } = await setUp()
  await wink(channel)
  expect(key.received).toMatchObject({ wink: 1 })
  const { device } = u2fDevice(clock, { answer: () => undefined })
  const plain = await openChannel(device, { clock, random })
  await expect(wink(plain)).rejects.toMatchObject({ code: 'key_unsupported_option' })
  expect(device.countOf(command.wink)).toBe(0)
})

describe('LOCK', () => {
  test('keeps other channels out until it is lifted', async () => {
    const { channel, open } = await setUp()
    const other = await open()
    await lock(channel, 10)
    await ping(channel, Uint8Array.of(1))
    await expect(ping(other, Uint8Array.of(1))).rejects.toMatchObject({ code: 'key_busy' })
    await lock(channel, 0)
    await ping(other, Uint8Array.of(1))
  })

  test.each([-1, 11, 0.5, Number.NaN])('is not for %d seconds', async seconds => {
    const { channel, key } = await setUp()
    await expect(lock(channel, seconds)).rejects.toThrow(RangeError)
    expect(key.received).not.toHaveProperty('lock')
  })
})

test('every error of CTAPHID has its name', () => {
  for (const status of Object.values(hidError)) {
    expect(hidFailure(status).details).toEqual({ status, statusName: hidErrorNames.get(status) })
    expect(hidErrorNames.get(status)).toMatch(/^ERR_[A-Z_]+$/)
  }
  expect(hidFailure(0x42).details.statusName).toBe('unassigned')
})
