// https://fidoalliance.org/specs/fido-v2.0-ps-20190130/fido-client-to-authenticator-protocol-v2.0-ps-20190130.html
// Where a CTAP 2.0 key differs: sections 5.1 and 5.2, the steps until the person has agreed.

import type { Evidence } from './authenticator-data.ts'
import { type Applicable, locate } from './get-assertion.ts'
import type { KeyState } from './key-state.ts'
import { chooseAlgorithm, refuseExcluded } from './make-credential.ts'
import type { Authorisation, GetAssertionRequest, MakeCredentialRequest } from './requests.ts'
import { StatusError, status } from './status.ts'
import { type AskForTouch, touched } from './touch.ts'
import { refuseEmptyParam } from './user-consent.ts'

/** Section 5.1. The excludeList comes first: a site learns that the key has the credential without any PIN. */
export async function consentToCredential20(
  state: KeyState,
  request: MakeCredentialRequest,
  ask: AskForTouch,
): Promise<Evidence> {
  await refuseEmptyParam(state, request, ask)
  await refuseExcluded(state, request, { isPresent: false, isVerified: false }, ask)
  chooseAlgorithm(state, request)
  if (request.options.get('up') === false) throw new StatusError(status.invalidOption)
  const evidence = await verifyUser20(state, request, ask)
  if (state.clientPin.isSet && !evidence.isVerified) throw new StatusError(status.puatRequired)
  if (!evidence.isPresent) await touched(ask)
  return { ...evidence, isPresent: true }
}

/** Section 5.2. That it has no credential is told only after the touch, where one is wanted. */
export async function consentToAssertion20(
  state: KeyState,
  request: GetAssertionRequest,
  ask: AskForTouch,
): Promise<Applicable> {
  await refuseEmptyParam(state, request, ask)
  if (request.options.has('rk')) throw new StatusError(status.invalidOption)
  const evidence = await verifyUser20(state, request, ask)
  const isTouchWanted = request.options.get('up') ?? true
  if (isTouchWanted && !evidence.isPresent) await touched(ask)
  const credentials = locate(state, request, evidence)
  if (credentials.length === 0) throw new StatusError(status.noCredentials)
  return { credentials, evidence: { ...evidence, isPresent: evidence.isPresent || isTouchWanted } }
}

/** By the PIN token, good for every site and every use, or by a finger. */
async function verifyUser20(state: KeyState, request: Authorisation, ask: AskForTouch): Promise<Evidence> {
  const { reader } = state
  const wantsUv = request.options.get('uv') === true
  if (wantsUv && !reader.isConfigured) throw new StatusError(status.unsupportedOption)
  if (request.pinUvAuthParam !== undefined) return verifyPinAuth(state, request, request.pinUvAuthParam)
  if (!wantsUv) return { isPresent: false, isVerified: false }
  if (!(await reader.verify(true, ask))) throw new StatusError(status.denied)
  return { isPresent: true, isVerified: true }
}

function verifyPinAuth({ token, clientPin }: KeyState, request: Authorisation, pinAuth: Uint8Array): Evidence {
  const pinToken = token.inUse()
  const protocol = clientPin.protocol(request.pinUvAuthProtocol ?? 0)
  if (!pinToken || !protocol?.isAuthentic(pinToken.bytes, request.clientDataHash, pinAuth)) {
    throw new StatusError(status.pinAuthInvalid)
  }
  return { isPresent: false, isVerified: true }
}
