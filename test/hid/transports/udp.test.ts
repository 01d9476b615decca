import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { CtapError } from '../../../src/hid/errors.ts'
import { openAuthenticators } from '../../../src/hid/index.ts'
import { ReportQueue } from '../../../src/hid/report-queue.ts'
import { openUdpDevice, parseUdpAddress } from '../../../src/hid/transports/udp.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function socketOn(address = '127.0.0.1'): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.bind(0, address)
  await once(socket, 'listening')
  closing.push(() => socket.close())
  return { socket, port: socket.address().port }
}

const report = (fill: number) => new Uint8Array(64).fill(fill)

describe('addresses', () => {
  test.each([
    ['udp:localhost:8111', { host: 'localhost', port: 8111 }],
    ['udp:127.0.0.1:8111:7112', { host: '127.0.0.1', port: 8111, localPort: 7112 }],
    ['udp:[::1]:8111', { host: '::1', port: 8111 }],
    ['udp:[fe80::1%eth0.1]:8111', { host: 'fe80::1%eth0.1', port: 8111 }],
  ])('%s', (text, address) => expect(parseUdpAddress(text)).toEqual(address))
})

test('one report per datagram, both ways, in order', async () => {
  const { socket, port } = await socketOn()
  const device = await openUdpDevice(`udp:127.0.0.1:${port}`, systemClock)
  closing.push(() => device.close())
  await device.write(report(1))
  const [datagram, sender] = await once(socket, 'message')
  expect(new Uint8Array(datagram)).toEqual(report(1))
  for (const fill of [2, 3]) socket.send(report(fill), sender.port, sender.address)
  expect(await device.read(5000)).toEqual(report(2))
  expect(await device.read(5000)).toEqual(report(3))
  expect(await device.read(1)).toBeUndefined()
})

test('datagrams of other lengths do not count', async () => {
  const { socket, port } = await socketOn()
  const device = await openUdpDevice(`udp:127.0.0.1:${port}`, systemClock)
  closing.push(() => device.close())
  await device.write(report(1))
  const [, sender] = await once(socket, 'message')
  for (const length of [0, 63, 65, 1000]) socket.send(new Uint8Array(length), sender.port, sender.address)
  socket.send(report(2), sender.port, sender.address)
  expect(await device.read(5000)).toEqual(report(2))
})

const loopback = Object.values(networkInterfaces()).flatMap(addresses => addresses?.map(({ address }) => address))
const hosts: [address: string, host: string][] = [
  ['127.0.0.1', 'localhost'],
  ['::1', '[::1]'],
]
test.each(hosts.filter(([address]) => loopback.includes(address)))(
  'a key that listens on %s is reached at %s',
  async (address, host) => {
    const { socket, port } = await socketOn(address)
    const device = await openUdpDevice(`udp:${host}:${port}`, systemClock)
    closing.push(() => device.close())
    await device.write(report(1))
    const [datagram] = await once(socket, 'message')
    expect(new Uint8Array(datagram)).toEqual(report(1))
  },
)

test('a name that nobody has is not found', async () => {
  const opening = openUdpDevice('udp:no-such-key.invalid:8111', systemClock)
  await expect(opening).rejects.toMatchObject({ code: 'key_not_found' })
})

test('a local port that another program has bound is busy', async () => {
  const { port } = await socketOn()
  const other = await socketOn('0.0.0.0')
  const opening = openUdpDevice(`udp:127.0.0.1:${port}:${other.port}`, systemClock)
  await expect(opening).rejects.toMatchObject({ code: 'key_busy' })
})

test('a flood that nobody reads is not kept', async () => {
  const queue = new ReportQueue(systemClock)
  for (let count = 0; count < 5000; count++) queue.push(report(count % 256))
  queue.fail(new CtapError('key_unplugged', 'gone'))
  let kept = 0
  while (await queue.next(1).catch(() => undefined)) kept++
  expect(kept).toBe(1024)
})

test('datagrams of anyone else do not count', async () => {
  const { socket, port } = await socketOn()
  const stranger = await socketOn()
  const device = await openUdpDevice(`udp:127.0.0.1:${port}`, systemClock)
  closing.push(() => device.close())
  await device.write(report(1))
  const [, sender] = await once(socket, 'message')
  await new Promise(resolve => stranger.socket.send(report(9), sender.port, '127.0.0.1', resolve))
  socket.send(report(2), sender.port, sender.address)
  expect(await device.read(5000)).toEqual(report(2))
})

test('binds the local port that an old simulator answers to', async () => {
  const { socket, port } = await socketOn()
  const spare = await socketOn()
  const localPort = spare.port
  closing.splice(closing.length - 1)
  spare.socket.close()
  const device = await openUdpDevice(`udp:127.0.0.1:${port}:${localPort}`, systemClock)
  closing.push(() => device.close())
  socket.send(report(4), localPort, '127.0.0.1')
  expect(await device.read(5000)).toEqual(report(4))
})

test('a closed device fails, and may be closed again', async () => {
  const { port } = await socketOn()
  const device = await openUdpDevice(`udp:127.0.0.1:${port}`, systemClock)
  const reading = device.read(60_000)
  await device.close()
  await device.close()
  await expect(reading).rejects.toMatchObject({ code: 'key_unplugged' })
  await expect(device.write(report(1))).rejects.toMatchObject({ code: 'key_unplugged' })
})

test('nobody at the port is noticed, not waited for', async () => {
  const spare = await socketOn()
  closing.splice(closing.length - 1)
  spare.socket.close()
  const device = await openUdpDevice(`udp:127.0.0.1:${spare.port}`, systemClock)
  closing.push(() => device.close())
  await device.write(report(1))
  await expect(device.read(60_000)).rejects.toMatchObject({ code: 'key_unplugged' })
})

describe('a named key over UDP that is not there', () => {
  async function sourceOf(device: string) {
    const source = openAuthenticators({ device, clock: systemClock, random: systemRandom })
    closing.push(() => source.close())
    return source
  }
  const refusing = async () => {
    const spare = await socketOn()
    closing.splice(closing.length - 1)
    spare.socket.close()
    return `udp:127.0.0.1:${spare.port}`
  }

  test.each<[string, () => Promise<string>]>([
    ['nobody at the port', refusing],
    ['nobody of that name', async () => 'udp:no-such-key.invalid:8111'],
  ])('is not found: %s', async (_, deviceAt) => {
    const device = await deviceAt()
    const source = await sourceOf(device)
    const seen: string[] = []
    const arrivals = {
      onKey: () => seen.push('key'),
      onUnusable: () => seen.push('unusable'),
      onNone: () => seen.push('none'),
    }
    const watching = source.watch(arrivals, new AbortController().signal)
    await expect(watching).rejects.toMatchObject({ code: 'key_not_found', details: { device } })
    expect(await source.list()).toEqual([])
    expect(seen).toEqual([])
  })
})
