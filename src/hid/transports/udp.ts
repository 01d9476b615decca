// CTAPHID over UDP, for keys in software: one report of 64 bytes per datagram, both ways.

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { Clock } from '../../lib/clock.ts'
import type { HidDevice, HidTransport } from '../device.ts'
import { CtapError } from '../errors.ts'
import { ReportQueue } from '../report-queue.ts'

export interface UdpAddress {
  readonly host: string
  readonly port: number
  /** The local port to bind, for a simulator that answers to a fixed one; any, when left out. */
  readonly localPort?: number
}

const addressForm = /^udp:(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):(\d{1,5})(?::(\d{1,5}))?$/

/** Whether `device` names a key over UDP rather than a path. */
export const isUdpDevice = (device: string): boolean => device.startsWith('udp:')

/**
 * The parts of `udp:HOST:PORT[:LOCALPORT]`; an IPv6 address stands in brackets.
 * @throws {CtapError} `key_device_invalid`
 */
export function parseUdpAddress(device: string): UdpAddress {
  const [, host, port, localPort] = addressForm.exec(device) ?? []
  const isPort = (text: string) => Number(text) >= 1 && Number(text) <= 65_535
  if (!host || !port || !isPort(port) || (localPort && !isPort(localPort))) {
    throw new CtapError('key_device_invalid', 'expected udp:HOST:PORT or udp:HOST:PORT:LOCALPORT')
  }
  return {
    host: host.replace(/^\[|\]$/g, ''),
    port: Number(port),
    ...(localPort ? { localPort: Number(localPort) } : {}),
  }
}

class UdpDevice implements HidDevice {
  readonly path: string
  readonly product: string
  private readonly socket: Socket
  private readonly reports: ReportQueue
  private closed = false

  constructor(path: string, socket: Socket, clock: Clock) {
    this.path = path
    this.product = path
    this.socket = socket
    this.reports = new ReportQueue(clock)
    socket.on('message', datagram => this.reports.push(new Uint8Array(datagram)))
    socket.on('error', error => this.reports.fail(gone(path, error)))
  }

  write(report: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(gone(this.path))
      this.socket.send(report, error => (error ? reject(gone(this.path, error)) : resolve()))
    })
  }

  read(milliseconds: number): Promise<Uint8Array | undefined> {
    return this.reports.next(milliseconds)
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.reports.fail(gone(this.path))
    this.socket.close()
    await once(this.socket, 'close')
  }
}

const gone = (path: string, cause?: unknown) =>
  new CtapError('key_unplugged', `no security key answers at ${path}`, { device: path }, { cause })

/** Opens a socket that takes datagrams from that one address alone. @throws {CtapError} `key_not_found` */
export async function openUdpDevice(path: string, clock: Clock): Promise<HidDevice> {
  const { host, port, localPort } = parseUdpAddress(path)
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  try {
    if (localPort !== undefined) {
      socket.bind(localPort, isIPv6(host) ? '::' : '0.0.0.0')
      await once(socket, 'listening')
    }
    socket.connect(port, host)
    await once(socket, 'connect')
  } catch (error) {
    socket.close()
    throw new CtapError('key_not_found', `cannot reach a security key at ${path}`, { device: path }, { cause: error })
  }
  return new UdpDevice(path, socket, clock)
}

/** A transport to the one key at `udp:HOST:PORT[:LOCALPORT]`. @throws {CtapError} `key_device_invalid` */
export function udpTransport(device: string, clock: Clock): HidTransport {
  parseUdpAddress(device)
  return { list: async () => [{ path: device, product: device, open: () => openUdpDevice(device, clock) }] }
}
