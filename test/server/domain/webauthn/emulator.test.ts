// An authenticator and a client that somebody else wrote: npm's nid-webauthn-emulator.

import { randomBytes } from 'node:crypto'
import WebAuthnEmulator, { AuthenticatorEmulator } from 'nid-webauthn-emulator'
import { Value } from 'typebox/value'
import { expect, test } from 'vitest'
import {
  AuthenticationResponseJson,
  PublicKeyCredentialCreationOptionsJson,
  PublicKeyCredentialRequestOptionsJson,
  RegistrationResponseJson,
} from '../../../../src/contract/webauthn.ts'
import { toBase64url } from '../../../../src/lib/base64url.ts'
import { utf8 } from '../../../../src/lib/bytes.ts'
import { verifyAssertion, verifyRegistration } from '../../../../src/server/domain/webauthn/index.ts'

const origin = 'https://login.example.com'
const rpId = 'example.com'
const userHandle = utf8('account-0001')

const checked = <T>(is: boolean, value: unknown): T => {
  expect(is).toBe(true)
  return value as T
}

test.each([
  ['ES256', -7],
  ['RS256', -257],
  ['EdDSA', -8],
] as const)('%s', async (name, algorithm) => {
  const emulator = new WebAuthnEmulator(new AuthenticatorEmulator({ algorithmIdentifiers: [name] }))
  const challenge = new Uint8Array(randomBytes(32))
  const creation: PublicKeyCredentialCreationOptionsJson = {
    rp: { id: rpId, name: 'Example' },
    user: { id: toBase64url(userHandle), name: 'li', displayName: 'Li' },
    challenge: toBase64url(challenge),
    pubKeyCredParams: [{ type: 'public-key', alg: algorithm }],
    authenticatorSelection: { userVerification: 'required' },
    attestation: 'direct',
  }
  expect(Value.Check(PublicKeyCredentialCreationOptionsJson, creation)).toBe(true)
  const created: unknown = JSON.parse(JSON.stringify(emulator.createJSON(origin, creation as never)))
  const registration = checked<RegistrationResponseJson>(Value.Check(RegistrationResponseJson, created), created)
  const expected = {
    challenge,
    rpId,
    origins: [origin],
    algorithms: [algorithm],
    userVerification: 'required' as const,
  }
  const registered = await verifyRegistration(registration, expected)
  expect(registered).toMatchObject({ algorithm, userVerified: true, aaguid: '4e49442d-4155-5448-2d33-313431353932' })

  const nextChallenge = new Uint8Array(randomBytes(32))
  const request: PublicKeyCredentialRequestOptionsJson = {
    challenge: toBase64url(nextChallenge),
    rpId,
    allowCredentials: [{ type: 'public-key', id: registration.id }],
    userVerification: 'required',
  }
  expect(Value.Check(PublicKeyCredentialRequestOptionsJson, request)).toBe(true)
  const got: unknown = JSON.parse(JSON.stringify(emulator.getJSON(origin, request as never)))
  const assertion = checked<AuthenticationResponseJson>(Value.Check(AuthenticationResponseJson, got), got)
  const asserted = verifyAssertion(assertion, {
    ...expected,
    challenge: nextChallenge,
    credential: { ...registered, id: registered.credentialId },
    userHandle,
  })
  expect(asserted).toMatchObject({ signCountRegressed: false, userVerified: true })
  expect(asserted.signCount).toBeGreaterThan(registered.signCount)
})
