import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { SecurityKeyDevice } from './device.ts'

export interface UdpServer {
  /** `udp:127.0.0.1:PORT` */
  readonly address: string
  readonly port: number
  close(): Promise<void>
}

/** Puts a device on a UDP port of 127.0.0.1 (0: a free one): one report of 64 bytes per datagram, both ways. */
export async function serveOverUdp(device: SecurityKeyDevice, port = 0): Promise<UdpServer> {
  const socket = createSocket('udp4')
  let isOpen = true
  socket.on('message', (datagram, sender) => {
    device.receive(new Uint8Array(datagram), report => {
      if (isOpen) socket.send(report, sender.port, sender.address)
    })
  })
  socket.bind(port, '127.0.0.1')
  await once(socket, 'listening')
  const bound = socket.address().port
  return {
    address: `udp:127.0.0.1:${bound}`,
    port: bound,
    async close() {
      if (!isOpen) return
      isOpen = false
      device.unplug()
      socket.close()
      await once(socket, 'close')
    },
  }
}
