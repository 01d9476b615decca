import type { Duplex } from 'node:stream'
import type { Certificate, PeerCertificate, TLSSocket } from 'node:tls'
import { isoTime, timeOf } from '../lib/clock.ts'
import { printable } from '../lib/printable.ts'

/** Who is at the other end of a TLS connection, trusted or not. */
export interface Peer {
  /** `TLSv1.3`. */
  readonly protocol: string
  /** Who issued its certificate, as the certificate says. */
  readonly issuer: string
  /** Until when its certificate is valid, ISO 8601. */
  readonly expiresAt: string
}

const isTls = (socket: Duplex): socket is TLSSocket => 'getPeerCertificate' in socket

const longestName = 120

/** `Example Root R3 (Example Ltd)`. */
function nameOf({ CN: commonName, O: organisation }: Partial<Certificate>): string {
  const name = commonName && organisation ? `${commonName} (${organisation})` : (commonName ?? organisation ?? '')
  return printable(String(name)).slice(0, longestName)
}

const peerOf = (protocol: string, { issuer, valid_to }: PeerCertificate): Peer => ({
  protocol,
  issuer: nameOf(issuer),
  expiresAt: isoTime(timeOf(valid_to)),
})

/**
 * Tells who is at the other end as soon as that is known, also where the certificate is refused right after: then node
 * ends the connection, and its error does not say whose certificate it was.
 * @param socket one that is not connected yet
 */
export function watchPeer(socket: Duplex, tell: (peer: Peer) => void): void {
  if (!isTls(socket)) return
  // Before node's own listener, which judges the certificate.
  socket.prependOnceListener('secure', () => {
    // Not getPeerX509Certificate: after it node finds no name in the certificate, and refuses every server.
    const certificate = socket.getPeerCertificate()
    if (certificate.valid_to) tell(peerOf(socket.getProtocol() ?? '', certificate))
  })
}
