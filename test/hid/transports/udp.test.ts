import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { openUdpDevice, parseUdpAddress } from '../../../src/hid/transports/udp.ts'
import { systemClock } from '../../../src/lib/clock.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function socketOn(port = 0): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket('udp4')
  socket.bind(port, '127.0.0.1')
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
