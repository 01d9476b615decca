// The steps that authenticatorMakeCredential (CTAP 2.1 section 6.1.2) and authenticatorGetAssertion (section 6.2.2)
// share: who the person is, and that they are there.

import type { Evidence } from './authenticator-data.ts'
import { isProtected, type KeyState } from './key-state.ts'
import type { Authorisation } from './requests.ts'
import { StatusError, status } from './status.ts'
import { type AskForTouch, touched } from './touch.ts'

const nobody: Evidence = { isPresent: false, isVerified: false }

/** Step 1: an empty pinUvAuthParam asks for a touch, to choose this key among several. */
export async function refuseEmptyParam(
  { clientPin }: KeyState,
  { pinUvAuthParam }: Authorisation,
  ask: AskForTouch,
): Promise<void> {
  if (!clientPin.isSupported || pinUvAuthParam?.length !== 0) return
  await touched(ask)
  throw new StatusError(clientPin.isSet ? status.pinInvalid : status.pinNotSet)
}

/** Step 2. */
export function requireProtocol({ clientPin }: KeyState, request: Authorisation): void {
  if (request.pinUvAuthParam === undefined) return
  if (request.pinUvAuthProtocol === undefined) throw new StatusError(status.missingParameter)
  if (!clientPin.protocol(request.pinUvAuthProtocol)) throw new StatusError(status.invalidParameter)
}

/** Whether the platform wants built-in user verification (step 5, or 4); a pinUvAuthParam takes its place. */
export function wantsBuiltInUv({ reader }: KeyState, { pinUvAuthParam, options }: Authorisation): boolean {
  if (pinUvAuthParam !== undefined || !options.get('uv')) return false
  if (!reader.isConfigured) throw new StatusError(status.invalidOption)
  return true
}

/** What is said to a request that lacks user verification: how to bring it, where a PIN can. */
export function lacksVerification({ settings }: KeyState, isPinUsable: boolean): StatusError {
  const isPinEnough = isPinUsable && !settings.noMcGaPermissionsWithClientPin
  return new StatusError(isPinEnough ? status.puatRequired : status.denied)
}

/** Step 6, or 5: whether a key with `alwaysUv` verifies the person by itself. */
export function enforceAlwaysUv(state: KeyState, request: Authorisation, wantsUv: boolean): boolean {
  if (!state.settings.alwaysUv) return wantsUv
  if (!isProtected(state)) throw lacksVerification(state, state.clientPin.isSupported)
  if (request.pinUvAuthParam !== undefined || wantsUv) return wantsUv
  if (!state.reader.isConfigured) throw lacksVerification(state, state.clientPin.isSupported)
  return true
}

/** Step 11, or 6: the person's identity, and whether they touched the key to prove it. */
export async function verifyUser(
  state: KeyState,
  request: Authorisation,
  needed: number,
  wantsUv: boolean,
  ask: AskForTouch,
): Promise<Evidence> {
  const { clientPin, reader } = state
  if (!isProtected(state)) {
    // The specification has no step for a proof of what the key can't have asked for; keys in use say this.
    if (request.pinUvAuthParam !== undefined) throw new StatusError(status.pinNotSet)
    return nobody
  }
  if (request.pinUvAuthParam !== undefined) return verifyToken(state, request, request.pinUvAuthParam, needed)
  if (!wantsUv) return nobody
  if (await reader.verify(true, ask)) return { isPresent: true, isVerified: true }
  const refusal = lacksVerification(state, clientPin.isSet)
  throw refusal.status === status.denied && reader.retries === 0 ? new StatusError(status.pinBlocked) : refusal
}

function verifyToken(state: KeyState, request: Authorisation, param: Uint8Array, needed: number): Evidence {
  const refused = new StatusError(status.pinAuthInvalid)
  const token = state.token.inUse()
  if (!token || token.protocol !== request.pinUvAuthProtocol) throw refused
  if (!state.clientPin.protocol(token.protocol)?.isAuthentic(token.bytes, request.clientDataHash, param)) throw refused
  token.isUsed = true
  if ((token.permissions & needed) === 0) throw refused
  if (token.rpId !== undefined && token.rpId !== request.rpId) throw refused
  if (!token.isUserVerified) throw refused
  token.rpId ??= request.rpId
  return { isPresent: token.isUserPresent, isVerified: true }
}

/** Step 14, or 9: a touch, unless there was one already; the token is spent with it. */
export async function requireTouch(state: KeyState, evidence: Evidence, ask: AskForTouch): Promise<Evidence> {
  if (!evidence.isPresent) await touched(ask)
  state.token.spend()
  return { ...evidence, isPresent: true }
}
