// CTAP 2.1 sections 6.2 and 6.3: authenticatorGetAssertion and authenticatorGetNextAssertion.

import { concatBytes, utf8 } from '../../lib/bytes.ts'
import type { CborMap, CborValue } from '../../lib/cbor.ts'
import type { Clock } from '../../lib/clock.ts'
import { signWith } from './algorithms.ts'
import { authenticatorData, type Evidence, sha256 } from './authenticator-data.ts'
import { credProtect, type StoredCredential } from './credentials.ts'
import type { KeyState } from './key-state.ts'
import type { GetAssertionRequest } from './requests.ts'
import { StatusError, status } from './status.ts'
import { permission } from './token.ts'
import type { AskForTouch } from './touch.ts'
import {
  enforceAlwaysUv,
  refuseEmptyParam,
  requireProtocol,
  requireTouch,
  verifyUser,
  wantsBuiltInUv,
} from './user-consent.ts'

/** Section 6.3: how long the next assertion may be asked for after the last. */
const nextAssertionTimeLimit = 30_000

/** Credentials that may sign, and what the key learnt of the person. */
export interface Applicable {
  readonly credentials: readonly StoredCredential[]
  readonly evidence: Evidence
}

/** Section 6.2.2 steps 1 to 9: which credentials the person who is there may use. */
export async function consentToAssertion(
  state: KeyState,
  request: GetAssertionRequest,
  ask: AskForTouch,
): Promise<Applicable> {
  const { options, pinUvAuthParam } = request
  await refuseEmptyParam(state, request, ask)
  requireProtocol(state, request)
  const isUvAsked = wantsBuiltInUv(state, request)
  if (options.has('rk')) throw new StatusError(status.unsupportedOption)
  const isTouchWanted = options.get('up') ?? true
  const wantsUv = isTouchWanted ? enforceAlwaysUv(state, request, isUvAsked) : isUvAsked
  const evidence = await verifyUser(state, request, permission.getAssertion, wantsUv, ask)
  const credentials = locate(state, request, evidence)
  if (credentials.length === 0) throw new StatusError(status.noCredentials)
  if (isTouchWanted) return { credentials, evidence: await requireTouch(state, evidence, ask) }
  // Step 8: a finger on the reader is a touch even where none was asked for; that of a token is not.
  return { credentials, evidence: { ...evidence, isPresent: evidence.isPresent && pinUvAuthParam === undefined } }
}

/** Step 7: those that are meant and that may be used with so much user verification. */
export function locate({ credentials }: KeyState, request: GetAssertionRequest, evidence: Evidence) {
  const rpIdHash = sha256(utf8(request.rpId))
  const { allowList } = request
  const found = allowList ? credentials.named(rpIdHash, allowList) : credentials.discoverable(rpIdHash)
  const usable: number[] = [credProtect.optional]
  if (allowList || evidence.isVerified) usable.push(credProtect.optionalWithList)
  if (evidence.isVerified) usable.push(credProtect.required)
  return found.filter(({ protection }) => usable.includes(protection))
}

interface Remembered {
  readonly clientDataHash: Uint8Array
  readonly evidence: Evidence
  readonly rest: StoredCredential[]
  answered: number
}

/** The assertions of one request: the first, and those that are asked for after it. */
export class Assertions {
  private readonly state: KeyState
  private readonly clock: Clock
  private remembered: Remembered | undefined

  constructor(state: KeyState, clock: Clock) {
    this.state = state
    this.clock = clock
  }

  forget(): void {
    this.remembered = undefined
  }

  /** Steps 10 to 13. */
  first({ allowList, clientDataHash }: GetAssertionRequest, { credentials, evidence }: Applicable): CborMap {
    const [first, ...rest] = credentials
    if (!first) throw new StatusError(status.noCredentials)
    const answer = this.assertion(first, clientDataHash, evidence)
    if (!allowList && rest.length > 0) {
      answer.set(5, credentials.length)
      this.remembered = { clientDataHash, evidence, rest, answered: this.clock.now() }
    }
    return answer
  }

  /** Section 6.3. */
  next(): CborMap {
    const { remembered } = this
    const isLate = remembered && this.clock.now() - remembered.answered > nextAssertionTimeLimit
    const next = isLate ? undefined : remembered?.rest.shift()
    if (!remembered || !next) {
      this.forget()
      throw new StatusError(status.notAllowed)
    }
    remembered.answered = this.clock.now()
    return this.assertion(next, remembered.clientDataHash, remembered.evidence)
  }

  private assertion(credential: StoredCredential, clientDataHash: Uint8Array, evidence: Evidence): CborMap {
    const counter = ++this.state.signatureCounter
    const authData = authenticatorData({ rpIdHash: credential.rpIdHash, evidence, counter })
    const answer: CborMap = new Map<number, CborValue>([
      [
        1,
        new Map<string, CborValue>([
          ['id', credential.id],
          ['type', 'public-key'],
        ]),
      ],
      [2, authData],
      [3, signWith(credential.key, concatBytes(authData, clientDataHash))],
    ])
    const { user, discoverable } = credential
    // Section 6.2.2: what names the person is for those alone who have been verified.
    if (user && discoverable) answer.set(4, new Map(Object.entries(evidence.isVerified ? user : { id: user.id })))
    return answer
  }
}
