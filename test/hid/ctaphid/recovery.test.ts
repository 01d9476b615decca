import { describe, expect, test } from 'vitest'
import { openChannel } from '../../../src/hid/ctaphid/channel.ts'
import { command, hidError } from '../../../src/hid/ctaphid/constants.ts'
import { framesOf } from '../../../src/hid/ctaphid/framing.ts'
import type { HidDevice } from '../../../src/hid/device.ts'
import { concatBytes, fromHex } from '../../../src/lib/bytes.ts'
import { SecurityKeyDevice, SoftwareAuthenticator } from '../../../src/simulators/security-key/index.ts'
import { connectedTo, MemoryDevice } from '../../support/memory-device.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const random = seededRandom('recovery')
const broadcast = 0xffff_ffff
const first = 0x01010101
const second = 0x02020202

const channelOf = (report: Uint8Array) => new DataView(report.buffer).getUint32(0)
const kindOf = (report: Uint8Array) => (report[4] ?? 0) & 0x7f
const error = (channel: number, status: number) =>
  framesOf(channel, { command: command.error, payload: Uint8Array.of(status) })

function initAnswer(report: Uint8Array, assigned: number): Uint8Array[] {
  const id = new Uint8Array(4)
  new DataView(id.buffer).setUint32(0, assigned)
  const payload = concatBytes(report.subarray(7, 15), id, fromHex('0205040304'))
  return framesOf(channelOf(report), { command: command.init, payload })
}

describe('after a failure', () => {
  test('what is left of the old answer does not hide INIT’s', async () => {
    const clock = new VirtualClock()
    let calls = 0
    const device = new MemoryDevice(clock, (report, push) => {
      if (kindOf(report) === command.init) {
        // The key was about to send a long answer when INIT came.
        if (calls > 0) push(framesOf(first, { command: command.cbor, payload: new Uint8Array(200) })[0] ?? report)
        initAnswer(report, first).forEach(push)
      } else if (calls++ > 0) framesOf(first, { command: command.cbor, payload: Uint8Array.of(7) }).forEach(push)
    })
    const channel = await openChannel(device, { clock, random })
    await expect(channel.call(command.cbor, Uint8Array.of(4))).rejects.toMatchObject({ code: 'key_silent' })
    expect(await channel.call(command.cbor, Uint8Array.of(4))).toEqual(Uint8Array.of(7))
  })

  test('a key that has forgotten the channel gives another, once', async () => {
    const clock = new VirtualClock()
    let known = first
    let isForgetful = false
    const device = new MemoryDevice(clock, (report, push) => {
      if (channelOf(report) === broadcast) initAnswer(report, known).forEach(push)
      else if (isForgetful || channelOf(report) !== known)
        error(channelOf(report), hidError.invalidChannel).forEach(push)
      else framesOf(known, { command: kindOf(report), payload: Uint8Array.of(9) }).forEach(push)
    })
    const channel = await openChannel(device, { clock, random })
    known = second
    expect(await channel.call(command.cbor, Uint8Array.of(4))).toEqual(Uint8Array.of(9))
    expect([channel.id, device.countOf(command.init)]).toEqual([second, 2])
    isForgetful = true
    await expect(channel.call(command.cbor, Uint8Array.of(4))).rejects.toMatchObject({
      code: 'key_protocol',
      details: { statusName: 'ERR_INVALID_CHANNEL' },
    })
  })

  test.each([hidError.messageTimeout, hidError.invalidSequence])(
    'a message of which the key lost packets (0x%s) is sent once more, whatever it is, and no more',
    async status => {
      const clock = new VirtualClock()
      let losses = 1
      const device = new MemoryDevice(clock, (report, push) => {
        const kind = kindOf(report)
        if (kind === command.init) initAnswer(report, first).forEach(push)
        else if (losses-- > 0) error(first, status).forEach(push)
        else framesOf(first, { command: kind, payload: Uint8Array.of(9) }).forEach(push)
      })
      const channel = await openChannel(device, { clock, random })
      expect(await channel.call(command.cbor, Uint8Array.of(1))).toEqual(Uint8Array.of(9))
      expect(device.countOf(command.cbor)).toBe(2)
      losses = 2
      await expect(channel.call(command.cbor, Uint8Array.of(1))).rejects.toMatchObject({ details: { status } })
      expect(device.countOf(command.cbor)).toBe(4)
    },
  )

  test.each([hidError.invalidCommand, hidError.invalidLength, hidError.other])(
    'a message that the key refuses (0x%s) is not sent again',
    async status => {
      const device = new MemoryDevice(new VirtualClock(), (report, push) => {
        if (kindOf(report) === command.init) initAnswer(report, first).forEach(push)
        else error(first, status).forEach(push)
      })
      const channel = await openChannel(device, { clock: new VirtualClock(), random })
      await expect(channel.call(command.cbor, Uint8Array.of(1))).rejects.toMatchObject({ details: { status } })
      expect(device.countOf(command.cbor)).toBe(1)
    },
  )

  test('so does one that forgot it while it kept silent', async () => {
    const clock = new VirtualClock()
    const key = new SecurityKeyDevice(new SoftwareAuthenticator({ random, clock }), { clock, random })
    let isMuted = false
    const device = new MemoryDevice(clock, (report, push) => {
      if (!isMuted) key.receive(report, push)
    })
    const channel = await openChannel(device, { clock, random })
    const id = channel.id
    isMuted = true
    await expect(channel.call(command.ping, Uint8Array.of(1))).rejects.toMatchObject({ code: 'key_silent' })
    key.unplug()
    isMuted = false
    expect(await channel.call(command.ping, Uint8Array.of(1))).toEqual(Uint8Array.of(1))
    expect(channel.id).not.toBe(id)
  })
})

test('the broadcast channel is nobody’s own', async () => {
  const clock = new VirtualClock()
  const device = new MemoryDevice(clock, (report, push) => {
    initAnswer(report, broadcast).forEach(push)
    initAnswer(report, first).forEach(push)
  })
  expect((await openChannel(device, { clock, random })).id).toBe(first)
})

test('a device that takes no reports is silent, not waited for', async () => {
  const clock = new VirtualClock()
  const stuck: HidDevice = {
    path: '/dev/hidraw0',
    product: 'Stuck',
    write: () => new Promise(() => {}),
    read: () => new Promise(() => {}),
    close: async () => {},
  }
  await expect(openChannel(stuck, { clock, random })).rejects.toMatchObject({ code: 'key_silent' })
})

test('a key pulled out in mid-transaction is unplugged at once; plugged in again, it is opened anew', async () => {
  const clock = new VirtualClock()
  const key = new SecurityKeyDevice(new SoftwareAuthenticator({ random, clock }), { clock, random, touch: 'never' })
  const device = connectedTo(clock, key)
  const channel = await openChannel(device, { clock, random })
  const begun = clock.now()
  const select = channel.call(command.cbor, Uint8Array.of(0x0b), { onKeepalive: () => device.unplug() })
  await expect(select).rejects.toMatchObject({ code: 'key_unplugged' })
  expect(clock.now()).toBe(begun)
  key.unplug()
  const again = await openChannel(connectedTo(clock, key), { clock, random })
  expect(await again.call(command.ping, Uint8Array.of(1))).toEqual(Uint8Array.of(1))
})
