// The examples of WebAuthn Level 3 section 16, "Test Vectors".

import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import type { AuthenticationResponseJson, RegistrationResponseJson } from '../../../../src/contract/webauthn.ts'
import { toBase64url } from '../../../../src/lib/base64url.ts'
import { fromHex, utf8 } from '../../../../src/lib/bytes.ts'
import {
  type ExpectedAssertion,
  type ExpectedRegistration,
  supportedAlgorithms,
  verifyAssertion,
  verifyRegistration,
} from '../../../../src/server/domain/webauthn/index.ts'
import file from '../../../vectors/webauthn-level-3.json' with { type: 'json' }

type Vector = (typeof file.vectors)['none-es256']

const root = new X509Certificate(fromHex(file.attestationRoot))
const text = (hex: string) => toBase64url(fromHex(hex))

const expectedBy = ({ registration }: Vector): ExpectedRegistration => ({
  challenge: fromHex(registration.challenge),
  rpId: file.rpId,
  origins: [file.origin],
  algorithms: supportedAlgorithms,
  userVerification: 'preferred',
})

function registrationOf({ registration }: Vector): RegistrationResponseJson {
  const id = text(registration.credentialId)
  return {
    id,
    rawId: id,
    type: 'public-key',
    response: {
      clientDataJSON: text(registration.clientDataJSON),
      attestationObject: text(registration.attestationObject),
    },
  }
}

function assertionOf({ registration, authentication }: Vector): AuthenticationResponseJson {
  const id = text(registration.credentialId)
  return {
    id,
    rawId: id,
    type: 'public-key',
    response: {
      clientDataJSON: text(authentication.clientDataJSON),
      authenticatorData: text(authentication.authenticatorData),
      signature: text(authentication.signature),
    },
  }
}

const verifiable = {
  'none-es256': ['none', -7],
  'packed-self-es256': ['self', -7],
  'none-es256-long-credential-id': ['none', -7],
  'packed-es256': ['basic', -7],
  'packed-es384': ['basic', -35],
  'packed-es512': ['basic', -36],
  'packed-rs256': ['basic', -257],
  'packed-eddsa': ['basic', -8],
  'packed-ed448': ['basic', -53],
  'apple-es256': ['anonca', -7],
  'fido-u2f-es256': ['basic', -7],
  'tpm-es256': ['attca', -7],
  'android-key-es256': ['basic', -7],
} as const

test.each(Object.entries(verifiable))('%s registers and asserts', async (name, [attestationType, algorithm]) => {
  const vector = file.vectors[name as keyof typeof verifiable]
  const expected = expectedBy(vector)
  const registered = await verifyRegistration(registrationOf(vector), expected)
  expect(registered).toMatchObject({ attestationType, algorithm, signCount: 0, transports: [] })
  const aaguid = name.startsWith('fido-u2f') ? '0'.repeat(32) : vector.registration.aaguid
  expect(registered.aaguid.replaceAll('-', '')).toBe(aaguid)
  expect(registered.credentialId).toEqual(fromHex(vector.registration.credentialId))

  const trusting = verifyRegistration(registrationOf(vector), { ...expected, trustedRoots: [root] })
  if (attestationType === 'none' || attestationType === 'self') {
    await expect(trusting).rejects.toMatchObject({ code: 'webauthn_attestation_missing' })
  } else await expect(trusting).resolves.toMatchObject({ attestationType })

  const asserted = verifyAssertion(assertionOf(vector), {
    ...expected,
    challenge: fromHex(vector.authentication.challenge),
    credential: { ...registered, id: registered.credentialId },
    userHandle: utf8('user'),
  } satisfies ExpectedAssertion)
  expect(asserted).toMatchObject({ signCount: 0, signCountRegressed: false })
})

test.each([
  ['none-es256-crossOrigin', 'webauthn_cross_origin'],
  ['none-es256-topOrigin', 'webauthn_top_origin_not_allowed'],
] as const)('%s only where allowed: %s', async (name, code) => {
  const vector = file.vectors[name]
  const expected = expectedBy(vector)
  const response = registrationOf(vector)
  await expect(verifyRegistration(response, expected)).rejects.toMatchObject({ code })
  const allowed = { ...expected, topOrigins: [file.topOrigin] }
  await expect(verifyRegistration(response, allowed)).resolves.toMatchObject({ algorithm: -7 })
})

test('a top origin that is not listed is refused', async () => {
  const vector = file.vectors['none-es256-topOrigin']
  const expected = { ...expectedBy(vector), topOrigins: ['https://elsewhere.example'] }
  await expect(verifyRegistration(registrationOf(vector), expected)).rejects.toMatchObject({
    code: 'webauthn_top_origin_not_allowed',
  })
})
