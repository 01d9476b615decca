// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#pinProto1
// Section 6.5.6: encapsulate and ecdh, which both protocols share.

import { createECDH } from 'node:crypto'
import { concatBytes, toHex } from '../../../lib/bytes.ts'
import type { CborMap, CborValue } from '../../../lib/cbor.ts'
import type { Random } from '../../../lib/random.ts'
import { malformed } from '../command.ts'
import { type PinUvAuthProtocol, type SharedSecret, sharedSecret } from './shared-secret.ts'

const coordinateLength = 32
const uncompressed = 0x04
/** The order of P-256: private keys are less. */
const order = 0xffff_ffff_0000_0000_ffff_ffff_ffff_ffff_bce6_faad_a717_9e84_f3b9_cac2_fc63_2551n

/** COSE (RFC 9053): labels and values of an ECDH key on P-256. */
const label = { kty: 1, alg: 3, crv: -1, x: -2, y: -3 } as const
const ec2 = 2
const p256 = 1
/** ECDH-ES + HKDF-256: not what the protocols do, but what they say (section 6.5.6). */
const ecdhEsHkdf256 = -25

export interface Encapsulation {
  /** Our public key as COSE, for the key to derive the same secret. */
  readonly platformKey: CborMap
  readonly secret: SharedSecret
}

function privateKey(random: Random): Uint8Array {
  for (;;) {
    const bytes = random.bytes(coordinateLength)
    const scalar = BigInt(`0x${toHex(bytes)}`)
    if (scalar > 0n && scalar < order) return bytes
  }
}

/** The uncompressed point, 65 bytes, of a key's COSE map. Whether it lies on the curve shows when it is used. */
function pointOf(key: CborValue | undefined): Uint8Array {
  if (!(key instanceof Map)) throw malformed('no key to agree on a secret with')
  const x = key.get(label.x)
  const y = key.get(label.y)
  if (key.get(label.kty) !== ec2 || key.get(label.crv) !== p256) throw malformed('a key that is not on P-256')
  if (!(x instanceof Uint8Array && y instanceof Uint8Array)) throw malformed('a key without coordinates')
  if (x.length !== coordinateLength || y.length !== coordinateLength) {
    throw malformed(`coordinates of ${x.length} and ${y.length} bytes`)
  }
  return concatBytes(Uint8Array.of(uncompressed), x, y)
}

function coseKey(point: Uint8Array): CborMap {
  return new Map<number, CborValue>([
    [label.kty, ec2],
    [label.alg, ecdhEsHkdf256],
    [label.crv, p256],
    [label.x, point.slice(1, 1 + coordinateLength)],
    [label.y, point.slice(1 + coordinateLength)],
  ])
}

/**
 * Makes a fresh P-256 key pair and the secret that it shares with `authenticatorKey`.
 * @param authenticatorKey what the key sent as its COSE key.
 * @throws {CtapError} `key_protocol` when that is no point on P-256.
 */
export function encapsulate(
  protocol: PinUvAuthProtocol,
  authenticatorKey: CborValue | undefined,
  random: Random,
): Encapsulation {
  const point = pointOf(authenticatorKey)
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(privateKey(random))
  let z: Uint8Array
  try {
    z = new Uint8Array(ecdh.computeSecret(point))
  } catch (error) {
    throw malformed('a key that is no point on its curve', error)
  }
  return { platformKey: coseKey(new Uint8Array(ecdh.getPublicKey())), secret: sharedSecret(protocol, z, random) }
}
