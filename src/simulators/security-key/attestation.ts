// https://www.w3.org/TR/webauthn-3/#sctn-packed-attestation-cert-requirements
// A batch certificate as section 8.2.1 wants it, signed by itself.

import { concatBytes, utf8 } from '../../lib/bytes.ts'
import type { Random } from '../../lib/random.ts'
import { generateKeyPair, type KeyPair, pointOf, signWith } from './algorithms.ts'
import * as asn1 from './der.ts'

/** The model: 16 bytes. */
export const softwareKeyAaguid: Uint8Array = utf8('hufu-softwarekey')

export interface AttestationKey {
  readonly key: KeyPair
  /** DER. */
  readonly certificate: Uint8Array
}

const es256 = -7
const ecdsaWithSha256 = '1.2.840.10045.4.3.2'
const ecPublicKey = '1.2.840.10045.2.1'
const prime256v1 = '1.2.840.10045.3.1.7'
const basicConstraints = '2.5.29.19'
const fidoAaguid = '1.3.6.1.4.1.45724.1.1.4'

function name(): Uint8Array {
  const attribute = (type: string, value: Uint8Array) => asn1.set(asn1.sequence(asn1.identifier(type), value))
  return asn1.sequence(
    attribute('2.5.4.6', asn1.printableText('CN')),
    attribute('2.5.4.10', asn1.text('hufu')),
    attribute('2.5.4.11', asn1.text('Authenticator Attestation')),
    attribute('2.5.4.3', asn1.text('hufu software security key')),
  )
}

function extensions(aaguid: Uint8Array): Uint8Array {
  const notAnAuthority = asn1.octets(asn1.sequence())
  return asn1.der(
    0xa3,
    asn1.sequence(
      asn1.sequence(asn1.identifier(basicConstraints), asn1.boolean(true), notAnAuthority),
      asn1.sequence(asn1.identifier(fidoAaguid), asn1.octets(asn1.octets(aaguid))),
    ),
  )
}

/** Makes an attestation key and its certificate for the model `aaguid` (16 bytes). */
export function makeAttestationKey(random: Random, aaguid: Uint8Array): AttestationKey {
  const key = generateKeyPair(es256, random)
  const algorithm = asn1.sequence(asn1.identifier(ecdsaWithSha256))
  const publicKey = asn1.sequence(
    asn1.sequence(asn1.identifier(ecPublicKey), asn1.identifier(prime256v1)),
    asn1.bits(pointOf(key)),
  )
  const toBeSigned = asn1.sequence(
    asn1.der(0xa0, asn1.positiveInteger(Uint8Array.of(2))),
    asn1.positiveInteger(concatBytes(Uint8Array.of(1), random.bytes(15))),
    algorithm,
    name(),
    asn1.sequence(asn1.utcTime('200101000000Z'), asn1.generalizedTime('20991231235959Z')),
    name(),
    publicKey,
    extensions(aaguid),
  )
  const signature = signWith(key, toBeSigned)
  return { key, certificate: asn1.sequence(toBeSigned, algorithm, asn1.bits(signature)) }
}
