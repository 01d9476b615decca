import type { CborKey } from '../../lib/cbor.ts'
import { cborDiagnostic } from '../../lib/cbor-diagnostic.ts'

// What people call the things that getInfo tells by number (CTAP 2.1 section 6.4).

/** https://www.iana.org/assignments/cose/cose.xhtml#algorithms */
const algorithms: ReadonlyMap<number, string> = new Map([
  [-7, 'ES256'],
  [-8, 'EdDSA'],
  [-9, 'ESP256'],
  [-19, 'Ed25519'],
  [-35, 'ES384'],
  [-36, 'ES512'],
  [-37, 'PS256'],
  [-38, 'PS384'],
  [-39, 'PS512'],
  [-47, 'ES256K'],
  [-48, 'ML-DSA-44'],
  [-49, 'ML-DSA-65'],
  [-50, 'ML-DSA-87'],
  [-51, 'ESP384'],
  [-52, 'ESP512'],
  [-53, 'Ed448'],
  [-257, 'RS256'],
  [-258, 'RS384'],
  [-259, 'RS512'],
  [-65_535, 'RS1'],
])

/** The name of a COSE algorithm; its number where it has none here. */
export const algorithmName = (alg: number): string => algorithms.get(alg) ?? String(alg)

/** The options of getInfo that the catalogues have words for, under `key.option.<name>`. */
export const knownOptions = [
  'rk',
  'up',
  'uv',
  'plat',
  'clientPin',
  'alwaysUv',
  'makeCredUvNotRqd',
  'pinUvAuthToken',
  'noMcGaPermissionsWithClientPin',
  'credMgmt',
  'credentialMgmtPreview',
  'bioEnroll',
  'userVerificationMgmtPreview',
  'uvBioEnroll',
  'authnrCfg',
  'uvAcfg',
  'setMinPINLength',
  'largeBlobs',
  'ep',
] as const
export type KnownOption = (typeof knownOptions)[number]

export const isKnownOption = (name: string): name is KnownOption => knownOptions.some(known => known === name)

/** Members that are told by their own names: words would say no more. */
const memberNames: ReadonlyMap<number, string> = new Map([
  [0x10, 'maxRPIDsForSetMinPINLength'],
  [0x11, 'preferredPlatformUvAttempts'],
  [0x12, 'uvModality'],
  [0x13, 'certifications'],
  [0x15, 'vendorPrototypeConfigCommands'],
])

/** The specification's name of a member, else its number. @param key as getInfo has it */
export function memberName(key: CborKey): string {
  if (typeof key !== 'number' || key < 0) return cborDiagnostic(key)
  return memberNames.get(key) ?? `0x${key.toString(16).padStart(2, '0')}`
}

/** Whether `hufu key info` has words of its own for a member. */
export const hasWords = (key: CborKey): boolean => key === 0x14 || (typeof key === 'number' && key >= 1 && key <= 0x0f)
