// fido2-lib is asked about statements that lead to a trusted root, and must agree. Here it is played.

import { X509Certificate } from 'node:crypto'
import { beforeEach, expect, test, vi } from 'vitest'
import { verifyRegistration } from '../../../../src/server/domain/webauthn/index.ts'
import {
  type AttestedParts,
  androidKey,
  apple,
  fidoU2f,
  packedBy,
  rootCertificate,
  tpm,
} from '../../../support/webauthn-attestation.ts'
import { expectedOf, makeKey, makeRegistration, partsOf } from '../../../support/webauthn-ceremony.ts'

const library = vi.hoisted(() => ({ asked: 0, answer: async () => true }))
vi.mock('fido2-lib', () => {
  const verifier = {
    parseFn: () => new Map(),
    validateFn: () => {
      library.asked++
      return library.answer()
    },
  }
  return { packedAttestation: verifier, fidoU2fAttestation: verifier, appleAttestation: verifier }
})

beforeEach(() => {
  library.asked = 0
  library.answer = async () => true
})

const root = new X509Certificate(rootCertificate)

async function outcome(attested: AttestedParts, trustedRoots?: X509Certificate[]): Promise<string> {
  const parts = partsOf(attested)
  const expected = { ...expectedOf(parts), ...(trustedRoots && { trustedRoots }) }
  return verifyRegistration(makeRegistration(parts), expected).then(
    () => 'accepted',
    error => error.code ?? error,
  )
}

test.each([
  ['packed', packedBy()],
  ['fido-u2f', fidoU2f()],
  ['apple', apple],
])('%s with a root: it is asked once, and must agree', async (_, attested) => {
  expect(await outcome(attested, [root])).toBe('accepted')
  expect(library.asked).toBe(1)
  library.answer = async () => false
  expect(await outcome(attested, [root])).toBe('webauthn_attestation_invalid')
  library.answer = () => Promise.reject(new Error('no'))
  expect(await outcome(attested, [root])).toBe('webauthn_attestation_invalid')
})

test.each([
  ['without roots', packedBy(), undefined, 'accepted'],
  [
    'that leads to no root',
    packedBy({ issuerKey: makeKey('ES256').privateKey }),
    [root],
    'webauthn_attestation_untrusted',
  ],
  ['on another curve', packedBy({}, makeKey('ES384')), [root], 'accepted'],
  ['of a TPM', tpm({}, { identity: makeKey('ES256') }), [root], 'accepted'],
  ['of Android', androidKey(), [root], 'accepted'],
] as const)('about a statement %s it is not asked', async (_, attested, roots, result) => {
  expect(await outcome(attested, roots && [...roots])).toBe(result)
  expect(library.asked).toBe(0)
})
