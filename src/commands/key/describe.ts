import { type Authenticator, type AuthenticatorInfo, CtapError } from '../../hid/index.ts'
import { toHex } from '../../lib/bytes.ts'

export type PinState = 'set' | 'not_set' | 'unsupported'

/** What people call the protocol: `FIDO2.1`, `FIDO2`, `U2F`. */
export function protocolName({ protocol, info }: Pick<Authenticator, 'protocol' | 'info'>): string {
  if (protocol === 'u2f') return 'U2F'
  const minors = info.versions.flatMap(version => /^FIDO_2_(\d+)$/.exec(version)?.[1] ?? []).map(Number)
  const newest = Math.max(0, ...minors)
  return newest === 0 ? 'FIDO2' : `FIDO2.${newest}`
}

/** CTAP 2.1 section 6.4: clientPin is absent on a key that knows no PIN. */
export function pinState({ options }: Pick<AuthenticatorInfo, 'options'>): PinState {
  const clientPin = options.get('clientPin')
  if (clientPin === undefined) return 'unsupported'
  return clientPin ? 'set' : 'not_set'
}

/** The AAGUID as a UUID is written. @param aaguid 16 bytes */
export const aaguidText = (aaguid: Uint8Array): string =>
  toHex(aaguid).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

/** Members of getInfo (CTAP 2.1 section 6.4) that only `hufu key` asks about. */
export const infoMember = {
  largeBlobBytes: 0x0b,
  credBlobBytes: 0x0f,
  remainingCredentials: 0x14,
} as const

const fewestCharacters = 4

/** How many characters a PIN of the key has at least (section 6.4, minPINLength). */
export const shortestPin = ({ minPinLength }: Pick<AuthenticatorInfo, 'minPinLength'>): number =>
  Math.max(fewestCharacters, minPinLength ?? fewestCharacters)

/**
 * How many wrong PINs the key still takes; at least 1.
 * @throws {CtapError} when it takes no PIN now: `key_pin_blocked`, `key_pin_auth_blocked`
 */
export async function pinTriesLeft(key: Authenticator): Promise<number> {
  const { left, powerCycleNeeded } = await key.pinRetries()
  const details = { device: key.name, retriesLeft: left }
  if (left === 0) throw new CtapError('key_pin_blocked', 'no PIN is taken any more', details)
  if (powerCycleNeeded) throw new CtapError('key_pin_auth_blocked', 'no PIN is taken until it is unplugged', details)
  return left
}

/** What `--json` tells of a key wherever one is named. */
export const keyMembers = (key: Authenticator) => ({
  path: key.path,
  name: key.name,
  protocol: protocolName(key),
  versions: key.info.versions,
  aaguid: aaguidText(key.info.aaguid),
  pin: pinState(key.info),
  firmware: key.info.firmwareVersion ?? null,
  device_version: key.deviceVersion.join('.'),
})
