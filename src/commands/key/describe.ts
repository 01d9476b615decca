import type { Authenticator, AuthenticatorInfo } from '../../hid/index.ts'
import { toUuid } from '../../lib/bytes.ts'

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

/** Members of getInfo (CTAP 2.1 section 6.4) that only `hufu key` asks about. */
export const infoMember = {
  largeBlobBytes: 0x0b,
  credBlobBytes: 0x0f,
  remainingCredentials: 0x14,
} as const

/** What `--json` tells of a key wherever one is named. */
export const keyMembers = (key: Authenticator) => ({
  path: key.path,
  name: key.name,
  protocol: protocolName(key),
  versions: key.info.versions,
  aaguid: toUuid(key.info.aaguid),
  pin: pinState(key.info),
  firmware: key.info.firmwareVersion ?? null,
  device_version: key.deviceVersion.join('.'),
})
