// CTAP 2.1 section 6.4 and CTAP 2.0 section 5.4: authenticatorGetInfo.

import type { CborKey, CborMap, CborValue } from '../../lib/cbor.ts'
import { softwareKeyAaguid } from './attestation.ts'
import type { KeyState } from './key-state.ts'

const firmwareVersion = 1
/** FIDO Registry of Predefined Values section 3.1, USER_VERIFY_FINGERPRINT_INTERNAL. */
const fingerprint = 0x02

/** `entries` without those that are undefined. */
const mapOf = (entries: readonly (readonly [CborKey, CborValue | undefined])[]): CborMap =>
  new Map(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))

const algorithmOf = (alg: number): CborMap =>
  mapOf([
    ['alg', alg],
    ['type', 'public-key'],
  ])

function options({ settings, clientPin, reader }: KeyState): CborMap {
  const isNew = settings.profile === 'ctap2.1'
  return mapOf([
    ['rk', true],
    ['up', true],
    ['plat', false],
    ['clientPin', clientPin.isSupported ? clientPin.isSet : undefined],
    ['uv', reader.isPresent ? reader.isConfigured : undefined],
    ['pinUvAuthToken', isNew && clientPin.isSupported ? true : undefined],
    ['makeCredUvNotRqd', isNew ? settings.makeCredUvNotRqd : undefined],
    ['alwaysUv', isNew ? settings.alwaysUv : undefined],
    ['noMcGaPermissionsWithClientPin', isNew && settings.noMcGaPermissionsWithClientPin ? true : undefined],
  ])
}

export function info(state: KeyState): CborMap {
  const { settings, clientPin, reader } = state
  const isNew = settings.profile === 'ctap2.1'
  const { request, credentialsInList, credentialId } = settings.limits
  const versions = ['FIDO_2_0', ...(isNew ? ['FIDO_2_1'] : [])]
  const since20: readonly (readonly [number, CborValue | undefined])[] = [
    // Section 7.2.4: U2F is off where user verification is always needed.
    [0x01, settings.alwaysUv ? versions : ['U2F_V2', ...versions]],
    [0x03, softwareKeyAaguid],
    [0x04, options(state)],
    [0x05, request],
    [0x06, clientPin.isSupported ? [...settings.pinUvAuthProtocols] : undefined],
    [0x07, credentialsInList],
    [0x08, credentialId],
  ]
  const since21: readonly (readonly [number, CborValue | undefined])[] = [
    [0x02, ['credProtect']],
    [0x09, ['usb']],
    [0x0a, settings.algorithms.map(algorithmOf)],
    [0x0c, clientPin.isSupported ? clientPin.forcePinChange : undefined],
    [0x0d, clientPin.isSupported ? settings.minPinLength : undefined],
    [0x0e, firmwareVersion],
    [0x11, reader.isPresent ? settings.preferredPlatformUvAttempts : undefined],
    [0x12, reader.isPresent ? fingerprint : undefined],
  ]
  return new Map([...mapOf([...since20, ...(isNew ? since21 : [])]), ...settings.extraInfo])
}
