// CTAPHID over UDP, for keys in software: one report of 64 bytes per datagram, both ways.

import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { isIP } from 'node:net'
import type { Clock } from '../../lib/clock.ts'
import { type HidDevice, type HidTransport, reportLength } from '../device.ts'
import { CtapError } from '../errors.ts'
import { ReportQueue } from '../report-queue.ts'

export interface UdpAddress {
  readonly host: string
  readonly port: number
  /** The local port to bind, for a simulator that answers to a fixed one; any, when left out. */
  readonly localPort?: number
}

const addressForm = /^udp:(\[[0-9a-fA-F:.]+(?:%[\w.-]+)?\]|[^:[\]\s]+):(\d{1,5})(?::(\d{1,5}))?$/

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

/** How long a name may take to be resolved, in milliseconds. */
const namePatience = 5_000

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
    socket.on('message', datagram => {
      if (datagram.length === reportLength) this.reports.push(new Uint8Array(datagram))
    })
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

/**
 * Opens a socket that takes datagrams from that one address alone. Of a name's addresses, one of IPv4 is preferred:
 * simulators on `localhost` seldom listen on both.
 * @throws {CtapError} `key_not_found`; `key_busy` when another program has bound the local port
 */
export async function openUdpDevice(path: string, clock: Clock): Promise<HidDevice> {
  const { host, port, localPort } = parseUdpAddress(path)
  const { address, family } = await addressOf(path, host, clock)
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  try {
    if (localPort !== undefined) {
      socket.bind(localPort, family === 6 ? '::' : '0.0.0.0')
      await once(socket, 'listening')
    }
    socket.connect(port, address)
    await once(socket, 'connect')
  } catch (error) {
    socket.close()
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new CtapError('key_busy', `another program uses port ${localPort}`, { device: path }, { cause: error })
    }
    throw unreachable(path, error)
  }
  return new UdpDevice(path, socket, clock)
}

async function addressOf(path: string, host: string, clock: Clock): Promise<{ address: string; family: number }> {
  const literal = isIP(host)
  if (literal !== 0) return { address: host, family: literal }
  const found = new AbortController()
  const tooLate = clock.sleep(namePatience, found.signal).then(() => {
    throw new Error(`no address for ${host} in time`)
  })
  try {
    const addresses = await Promise.race([lookup(host, { all: true }), tooLate])
    const preferred = addresses.find(({ family }) => family === 4) ?? addresses[0]
    if (preferred) return preferred
  } catch (error) {
    throw unreachable(path, error)
  } finally {
    found.abort()
  }
  throw unreachable(path)
}

const unreachable = (path: string, cause?: unknown) =>
  new CtapError('key_not_found', `cannot reach a security key at ${path}`, { device: path }, { cause })

/** A transport to the one key at `udp:HOST:PORT[:LOCALPORT]`. @throws {CtapError} `key_device_invalid` */
export function udpTransport(device: string, clock: Clock): HidTransport {
  parseUdpAddress(device)
  return { list: async () => [{ path: device, product: device, open: () => openUdpDevice(device, clock) }] }
}
