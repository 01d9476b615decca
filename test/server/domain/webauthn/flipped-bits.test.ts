// One flipped bit anywhere in a signed ceremony is refused: each bit in turn, in ceremonies that are good without it.
// A registration without attestation (`none`) signs nothing, so there is nothing of it to try here.

import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { verifyAssertion, verifyRegistration, WebAuthnError } from '../../../../src/server/domain/webauthn/index.ts'
import {
  type AttestedParts,
  androidKey,
  apple,
  fidoU2f,
  packedBy,
  rootCertificate,
  selfAttested,
  tpm,
} from '../../../support/webauthn-attestation.ts'
import {
  encode,
  expectedOf,
  flags,
  keyKinds,
  makeAssertion,
  makeKey,
  makeRegistration,
  partsOf,
} from '../../../support/webauthn-ceremony.ts'

const patience = 120_000

/** Each copy of `text`, base64url, with one bit flipped. */
function* flippedOnce(text: string): Generator<{ bit: number; flipped: string }> {
  const bytes = Buffer.from(text, 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const copy = Buffer.from(bytes)
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    yield { bit, flipped: copy.toString('base64url') }
  }
}

describe.each(keyKinds)('in an assertion by %s', kind => {
  const parts = partsOf({
    key: makeKey(kind),
    extensions: encode(new Map([['credProtect', 2]])),
    flags: flags.up | flags.uv | flags.be | flags.bs,
  })
  const good = makeAssertion(parts)
  const expected = { ...expectedOf(parts), userVerification: 'preferred' as const }
  const credential = { ...expected.credential, backupEligible: true }

  test.each(['authenticatorData', 'clientDataJSON', 'signature'] as const)(
    '%s',
    member => {
      const accepts = (value: string) => {
        try {
          verifyAssertion({ ...good, response: { ...good.response, [member]: value } }, { ...expected, credential })
          return true
        } catch (error) {
          if (error instanceof WebAuthnError) return false
          throw error
        }
      }
      expect(accepts(good.response[member])).toBe(true)
      const accepted = [...flippedOnce(good.response[member])].filter(({ flipped }) => accepts(flipped))
      expect(accepted.map(({ bit }) => bit)).toEqual([])
    },
    patience,
  )
})

const root = new X509Certificate(rootCertificate)
const ecTpm = () => tpm({}, { identity: makeKey('ES256') })

/** U2F signs the relying party, the client data, the credential id and its key; not flags, counter and AAGUID. */
const u2fUnsigned = { from: 32, to: 53 }

describe.each<[string, AttestedParts, boolean]>([
  ['packed by itself', selfAttested, false],
  ['packed by a certificate', packedBy(), true],
  ['packed by a certificate for Ed25519', packedBy({}, makeKey('Ed25519')), true],
  ['fido-u2f', fidoU2f(), true],
  ['tpm', ecTpm(), true],
  ['android-key', androidKey(), true],
  ['apple', apple, true],
])('in a registration with the attestation %s', (_, attested, isCertified) => {
  const parts = partsOf(attested)
  const good = makeRegistration(parts)
  const expected = {
    ...expectedOf(parts),
    userVerification: 'preferred' as const,
    ...(isCertified && { trustedRoots: [root] }),
  }

  test.each(['clientDataJSON', 'attestationObject'] as const)(
    '%s',
    async member => {
      const accepts = (value: string) =>
        verifyRegistration({ ...good, response: { ...good.response, [member]: value } }, expected).then(
          () => true,
          error => {
            if (error instanceof WebAuthnError) return false
            throw error
          },
        )
      expect(await accepts(good.response[member])).toBe(true)
      const accepted: number[] = []
      for (const { bit, flipped } of flippedOnce(good.response[member])) {
        if (await accepts(flipped)) accepted.push(bit >> 3)
      }
      const { format } = parts
      const object = Buffer.from(good.response[member], 'base64url')
      const data = object.indexOf('authData') + 'authData'.length + 2
      const isUnsigned = (byte: number) =>
        format === 'fido-u2f' && byte >= data + u2fUnsigned.from && byte < data + u2fUnsigned.to
      expect(accepted.filter(byte => member === 'clientDataJSON' || !isUnsigned(byte))).toEqual([])
    },
    patience,
  )
})
