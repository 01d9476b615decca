// CTAP 2.1 section 6.1: authenticatorMakeCredential.

import { concatBytes, utf8 } from '../../lib/bytes.ts'
import type { CborMap, CborValue } from '../../lib/cbor.ts'
import { coseKey, generateKeyPair, signWith } from './algorithms.ts'
import { softwareKeyAaguid } from './attestation.ts'
import { authenticatorData, type Evidence, sha256 } from './authenticator-data.ts'
import { credProtect, type StoredCredential } from './credentials.ts'
import { isProtected, type KeyState } from './key-state.ts'
import type { MakeCredentialRequest } from './requests.ts'
import { StatusError, status } from './status.ts'
import { permission } from './token.ts'
import type { AskForTouch } from './touch.ts'
import {
  enforceAlwaysUv,
  lacksVerification,
  refuseEmptyParam,
  requireProtocol,
  requireTouch,
  verifyUser,
  wantsBuiltInUv,
} from './user-consent.ts'

const credentialIdLength = 32
const es256 = -7

/** Section 6.1.2 steps 1 to 14: whether the person who is there may have the credential. */
export async function consentToCredential(
  state: KeyState,
  request: MakeCredentialRequest,
  ask: AskForTouch,
): Promise<Evidence> {
  const { settings } = state
  await refuseEmptyParam(state, request, ask)
  requireProtocol(state, request)
  chooseAlgorithm(state, request)
  const isUvAsked = wantsBuiltInUv(state, request)
  if (request.options.get('up') === false) throw new StatusError(status.invalidOption)
  const wantsUv = enforceAlwaysUv(state, request, isUvAsked)
  const isAnonymous = !wantsUv && request.pinUvAuthParam === undefined
  const isUvNeeded = !settings.makeCredUvNotRqd || request.options.get('rk') === true
  if (isAnonymous && isUvNeeded && isProtected(state)) throw lacksVerification(state, state.clientPin.isSet)
  // Step 9: this key has no enterprise attestation.
  if (request.enterpriseAttestation !== undefined) throw new StatusError(status.invalidParameter)
  const evidence = await verifyUser(state, request, permission.makeCredential, wantsUv, ask)
  await refuseExcluded(state, request, evidence, ask)
  return requireTouch(state, evidence, ask)
}

/** Step 3: the first of the request's algorithms that the key knows. */
export function chooseAlgorithm({ settings }: KeyState, { algorithms }: MakeCredentialRequest): number {
  const chosen = algorithms.find(algorithm => settings.algorithms.includes(algorithm))
  if (chosen === undefined) throw new StatusError(status.unsupportedAlgorithm)
  return chosen
}

/** Step 12: nobody learns that the key has the credential without touching it, or giving up on that. */
export async function refuseExcluded(
  { credentials }: KeyState,
  request: MakeCredentialRequest,
  evidence: Evidence,
  ask: AskForTouch,
): Promise<void> {
  const known = credentials.named(sha256(utf8(request.rpId)), request.excludeList)
  if (!known.some(({ protection }) => protection !== credProtect.required || evidence.isVerified)) return
  if (!evidence.isPresent && (await ask()) === 'cancelled') throw new StatusError(status.keepaliveCancel)
  throw new StatusError(status.excluded)
}

/** Steps 15 to 19: makes the credential and its attestation. */
export function createCredential(state: KeyState, request: MakeCredentialRequest, evidence: Evidence): CborMap {
  const { credentials, settings, random } = state
  const rpIdHash = sha256(utf8(request.rpId))
  const { user } = request
  const discoverable = request.options.get('rk') ?? false
  const isReplacing = discoverable && credentials.sameUser({ rpIdHash, user }) !== undefined
  if (!isReplacing && credentials.size >= settings.capacity) throw new StatusError(status.storeFull)
  // CTAP 2.0 keys know no extension.
  const credProtectAsked = settings.profile === 'ctap2.0' ? undefined : request.credProtect
  const credential: StoredCredential = {
    id: random.bytes(credentialIdLength),
    rpIdHash,
    key: generateKeyPair(chooseAlgorithm(state, request), random),
    user,
    discoverable,
    protection: credProtectAsked ?? credProtect.optional,
  }
  credentials.add(credential)
  const authData = authenticatorData({
    rpIdHash,
    evidence,
    counter: state.signatureCounter,
    attested: concatBytes(softwareKeyAaguid, uint16(credential.id.length), credential.id, coseKey(credential.key)),
    ...(credProtectAsked === undefined ? {} : { extensions: new Map([['credProtect', credProtectAsked]]) }),
  })
  return new Map<number, CborValue>([
    [1, settings.attestation === 'none' ? 'none' : 'packed'],
    [2, authData],
    [3, attestationStatement(state, credential, concatBytes(authData, request.clientDataHash))],
  ])
}

const uint16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff)

/** A packed attestation statement (WebAuthn section 8.2) over `signed`. */
function attestationStatement({ settings, attestationKey }: KeyState, { key }: StoredCredential, signed: Uint8Array) {
  if (settings.attestation === 'none') return new Map()
  const isSelf = settings.attestation === 'self'
  const statement: CborMap = new Map<string, CborValue>([
    ['alg', isSelf ? key.algorithm : es256],
    ['sig', signWith(isSelf ? key : attestationKey.key, signed)],
  ])
  if (!isSelf) statement.set('x5c', [attestationKey.certificate])
  return statement
}
