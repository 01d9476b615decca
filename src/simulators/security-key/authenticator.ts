// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Section 6, the authenticator's side of CTAP2: getInfo, makeCredential, getAssertion, getNextAssertion, reset and
// selection; no PIN, no user verification.

import { createHash } from 'node:crypto'
import { concatBytes, utf8 } from '../../lib/bytes.ts'
import { type CborMap, type CborValue, encodeCbor } from '../../lib/cbor.ts'
import type { Random } from '../../lib/random.ts'
import { type AttestationKey, makeAttestationKey } from './attestation.ts'
import { CredentialStore, type StoredCredential } from './credentials.ts'
import { coseKey, generateEs256Key, signEs256 } from './es256.ts'
import { limits, readGetAssertion, readMakeCredential, StatusError, status } from './requests.ts'
import type { TouchOutcome } from './touch.ts'

/** The model: 16 bytes. */
export const softwareKeyAaguid: Uint8Array = utf8('hufu-softwarekey')

const es256 = -7
const flag = { userPresent: 0x01, attested: 0x40 } as const
const command = {
  makeCredential: 0x01,
  getAssertion: 0x02,
  getInfo: 0x04,
  reset: 0x07,
  getNextAssertion: 0x08,
  selection: 0x0b,
} as const

export type AttestationForm = 'certificate' | 'self' | 'none'

export interface AuthenticatorOptions {
  readonly random: Random
  readonly attestation?: AttestationForm | undefined
  /** How many credentials fit. Default: no limit. */
  readonly capacity?: number | undefined
}

/** Waits for the person. */
export type AskForTouch = () => Promise<TouchOutcome>

interface PendingAssertions {
  readonly clientDataHash: Uint8Array
  readonly flags: number
  readonly rest: StoredCredential[]
}

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

async function touched(ask: AskForTouch): Promise<void> {
  const outcome = await ask()
  if (outcome === 'denied') throw new StatusError(status.denied)
  if (outcome === 'cancelled') throw new StatusError(status.keepaliveCancel)
  if (outcome === 'timed out') throw new StatusError(status.userActionTimeout)
}

/** What is behind the HID interface: takes CTAP2 requests, gives CTAP2 answers. */
export class SoftwareAuthenticator {
  readonly credentials = new CredentialStore()
  private readonly random: Random
  private readonly form: AttestationForm
  private readonly capacity: number
  private readonly attestationKey: AttestationKey
  private counter = 0
  private pending: PendingAssertions | undefined

  constructor({ random, attestation = 'certificate', capacity = Number.POSITIVE_INFINITY }: AuthenticatorOptions) {
    this.random = random
    this.form = attestation
    this.capacity = capacity
    this.attestationKey = makeAttestationKey(random, softwareKeyAaguid)
  }

  /** The DER certificate that signs attestation statements. */
  get attestationCertificate(): Uint8Array {
    return this.attestationKey.certificate
  }

  /** The answer to a request: a status byte and, if that is 0x00, the CBOR map of the command, if it has one. */
  async answer(request: Uint8Array, ask: AskForTouch): Promise<Uint8Array> {
    try {
      if (request.length > limits.request) throw new StatusError(status.requestTooLarge)
      const map = await this.run(request[0], request.subarray(1), ask)
      return concatBytes(Uint8Array.of(status.ok), map ? encodeCbor(map) : new Uint8Array())
    } catch (error) {
      if (error instanceof StatusError) return Uint8Array.of(error.status)
      throw error
    }
  }

  private async run(kind: number | undefined, body: Uint8Array, ask: AskForTouch): Promise<CborMap | undefined> {
    if (kind === command.getNextAssertion) return this.nextAssertion()
    this.pending = undefined
    if (kind === command.makeCredential) return this.makeCredential(body, ask)
    if (kind === command.getAssertion) return this.getAssertion(body, ask)
    if (kind === command.getInfo) return this.info()
    if (kind === command.selection) {
      await touched(ask)
      return undefined
    }
    if (kind === command.reset) {
      await touched(ask)
      this.credentials.clear()
      this.counter = 0
      return undefined
    }
    throw new StatusError(status.invalidCommand)
  }

  private info(): CborMap {
    return new Map<number, CborValue>([
      [0x01, ['FIDO_2_0']],
      [0x03, softwareKeyAaguid],
      [
        0x04,
        new Map([
          ['rk', true],
          ['up', true],
          ['plat', false],
        ]),
      ],
      [0x05, limits.request],
      [0x07, limits.credentialsInList],
      [0x08, limits.credentialId],
      [0x09, ['usb']],
      [
        0x0a,
        [
          new Map<string, CborValue>([
            ['alg', es256],
            ['type', 'public-key'],
          ]),
        ],
      ],
      [0x0e, 1],
    ])
  }

  private async makeCredential(body: Uint8Array, ask: AskForTouch): Promise<CborMap> {
    const request = readMakeCredential(body)
    await this.refusePin(request.pinUvAuthParam, ask)
    if (!request.algorithms.includes(es256)) throw new StatusError(status.unsupportedAlgorithm)
    if (request.options.get('uv') || request.options.get('up') === false) throw new StatusError(status.invalidOption)
    if (this.credentials.named(request.rpId, request.excludeList).length > 0) {
      await touched(ask)
      throw new StatusError(status.excluded)
    }
    await touched(ask)
    if (this.credentials.size >= this.capacity) throw new StatusError(status.storeFull)
    const credential: StoredCredential = {
      id: this.random.bytes(limits.credentialId),
      rpId: request.rpId,
      key: generateEs256Key(this.random),
      user: request.user,
      discoverable: request.options.get('rk') ?? false,
    }
    this.credentials.add(credential)
    const authData = concatBytes(
      this.header(request.rpId, flag.userPresent | flag.attested),
      softwareKeyAaguid,
      Uint8Array.of(credential.id.length >> 8, credential.id.length & 0xff),
      credential.id,
      coseKey(credential.key),
    )
    const statement = this.statement(credential, concatBytes(authData, request.clientDataHash))
    return new Map<number, CborValue>([
      [1, this.form === 'none' ? 'none' : 'packed'],
      [2, authData],
      [3, statement],
    ])
  }

  /** A packed attestation statement (WebAuthn section 8.2) over `signed`. */
  private statement(credential: StoredCredential, signed: Uint8Array): CborMap {
    if (this.form === 'none') return new Map()
    const { key, certificate } = this.attestationKey
    const isSelf = this.form === 'self'
    const statement: CborMap = new Map<string, CborValue>([
      ['alg', es256],
      ['sig', signEs256(isSelf ? credential.key : key, signed)],
    ])
    if (!isSelf) statement.set('x5c', [certificate])
    return statement
  }

  private async getAssertion(body: Uint8Array, ask: AskForTouch): Promise<CborMap> {
    const { rpId, clientDataHash, allowList, options, pinUvAuthParam } = readGetAssertion(body)
    await this.refusePin(pinUvAuthParam, ask)
    if (options.get('uv') || options.has('rk')) throw new StatusError(status.invalidOption)
    const found = allowList ? this.credentials.named(rpId, allowList) : this.credentials.discoverable(rpId)
    const [first, ...rest] = found
    if (!first) throw new StatusError(status.noCredentials)
    const isTouchWanted = options.get('up') ?? true
    if (isTouchWanted) await touched(ask)
    const flags = isTouchWanted ? flag.userPresent : 0
    const answer = this.assertion(first, clientDataHash, flags)
    if (!allowList && rest.length > 0) {
      answer.set(5, found.length)
      this.pending = { clientDataHash, flags, rest }
    }
    return answer
  }

  private nextAssertion(): CborMap {
    const next = this.pending?.rest.shift()
    if (!this.pending || !next) throw new StatusError(status.notAllowed)
    return this.assertion(next, this.pending.clientDataHash, this.pending.flags)
  }

  private assertion(credential: StoredCredential, clientDataHash: Uint8Array, flags: number): CborMap {
    this.counter++
    const authData = this.header(credential.rpId, flags)
    const answer: CborMap = new Map<number, CborValue>([
      [
        1,
        new Map<string, CborValue>([
          ['id', credential.id],
          ['type', 'public-key'],
        ]),
      ],
      [2, authData],
      [3, signEs256(credential.key, concatBytes(authData, clientDataHash))],
    ])
    // Section 6.2.2: without user verification, a user's id only, and only of a discoverable credential.
    if (credential.discoverable) answer.set(4, new Map([['id', credential.user.id]]))
    return answer
  }

  /** The first 37 bytes of authenticator data (WebAuthn section 6.1): RP ID hash, flags, counter. */
  private header(rpId: string, flags: number): Uint8Array {
    return concatBytes(sha256(utf8(rpId)), Uint8Array.of(flags), uint32(this.counter))
  }

  /** Section 6.1.2 step 1: an empty PIN parameter asks for a touch, to choose this key; it has no PIN to prove. */
  private async refusePin(pinUvAuthParam: Uint8Array | undefined, ask: AskForTouch): Promise<void> {
    if (pinUvAuthParam === undefined) return
    if (pinUvAuthParam.length === 0) await touched(ask)
    throw new StatusError(status.pinNotSet)
  }
}
