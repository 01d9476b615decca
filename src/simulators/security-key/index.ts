import { SoftwareAuthenticator } from './authenticator.ts'
import { type DeviceOptions, SecurityKeyDevice } from './device.ts'
import type { AuthenticatorOptions } from './settings.ts'
import type { TouchBehaviour } from './touch.ts'
import { serveOverUdp } from './udp.ts'
import type { Finger } from './user-verification.ts'

export { softwareKeyAaguid } from './attestation.ts'
export { SoftwareAuthenticator } from './authenticator.ts'
export { type Ctap2Responder, type DeviceOptions, SecurityKeyDevice } from './device.ts'
export type { AttestationForm, AuthenticatorOptions, PinUvAuthProtocolNumber, Profile } from './settings.ts'
export type { TouchBehaviour, TouchOutcome } from './touch.ts'
export { serveOverUdp, type UdpServer } from './udp.ts'
export type { Finger } from './user-verification.ts'

export interface SecurityKeyOptions extends DeviceOptions, Omit<AuthenticatorOptions, 'clock'> {
  /** The UDP port on 127.0.0.1; a free one when left out. */
  readonly port?: number | undefined
}

export interface SecurityKeySimulator {
  /** `udp:127.0.0.1:PORT`, as `--device` takes it. */
  readonly address: string
  readonly port: number
  readonly credentialCount: number
  /** How often each message arrived: `init`, `cbor`, `msg`, `cancel`, `ping`, `wink`, `lock`. */
  readonly received: Readonly<Record<string, number>>
  /** The DER certificate that signs its attestation statements. */
  readonly attestationCertificate: Uint8Array
  /** A finger on the key; nothing happens unless it blinks. */
  touch(): void
  setTouch(behaviour: TouchBehaviour): void
  /** What the fingerprint reader finds, where there is one. Default: the finger that is enrolled. */
  setFinger(finger: Finger): void
  /** Pulls the key out and plugs it in again: channels, PIN tokens and the count of wrong PINs in a row are gone. */
  powerCycle(): void
  /** Pulls the plug. */
  close(): Promise<void>
}

/**
 * A software security key on the loopback interface: CTAPHID over UDP, one report of 64 bytes per datagram, answers to
 * the sender. Its credentials live as long as it does.
 */
export async function startSecurityKey(options: SecurityKeyOptions): Promise<SecurityKeySimulator> {
  const authenticator = new SoftwareAuthenticator(options)
  const device = new SecurityKeyDevice(authenticator, options)
  const server = await serveOverUdp(device, options.port)
  return {
    address: server.address,
    port: server.port,
    received: device.received,
    attestationCertificate: authenticator.attestationCertificate,
    get credentialCount() {
      return authenticator.credentials.size
    },
    touch: () => device.sensor.touch(),
    setTouch: behaviour => {
      device.sensor.behaviour = behaviour
    },
    setFinger: finger => authenticator.setFinger(finger),
    powerCycle: () => {
      device.unplug()
      authenticator.powerCycle()
    },
    close: () => server.close(),
  }
}
