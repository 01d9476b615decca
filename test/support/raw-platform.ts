import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from 'node:crypto'
import { toBase64url } from '../../src/lib/base64url.ts'
import { concatBytes, utf8 } from '../../src/lib/bytes.ts'
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../src/lib/cbor.ts'
import {
  type AuthenticatorOptions,
  type PinUvAuthProtocolNumber,
  SoftwareAuthenticator,
  type TouchOutcome,
} from '../../src/simulators/security-key/index.ts'
import { sha256 } from './ceremony.ts'
import { seededRandom } from './seeded-random.ts'
import { VirtualClock } from './virtual-clock.ts'

export const map = (entries: readonly (readonly [string | number, CborValue])[]): CborMap => new Map(entries)
export const descriptor = (id: Uint8Array): CborMap =>
  map([
    ['id', id],
    ['type', 'public-key'],
  ])
export const clientDataHash = sha256('client data')

const padded = (pin: string) => {
  const bytes = new Uint8Array(64)
  bytes.set(utf8(pin))
  return bytes
}
const half = (pin: string) => sha256(pin).subarray(0, 16)
const bytesOf = (value: CborValue | undefined) => (value instanceof Uint8Array ? value : new Uint8Array())

/** The platform's side of a PIN/UV auth protocol, written from sections 6.5.6 and 6.5.7, for tests alone. */
class Agreement {
  readonly publicKey: CborMap
  private readonly hmacKey: Uint8Array
  private readonly aesKey: Uint8Array
  private readonly protocol: PinUvAuthProtocolNumber

  constructor(protocol: PinUvAuthProtocolNumber, peer: CborMap) {
    this.protocol = protocol
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      x: toBase64url(bytesOf(peer.get(-2))),
      y: toBase64url(bytesOf(peer.get(-3))),
    }
    const z = diffieHellman({
      privateKey: own.privateKey,
      publicKey: createPublicKey({ key: jwk, format: 'jwk' }),
    })
    const { x = '', y = '' } = own.publicKey.export({ format: 'jwk' })
    this.publicKey = map([
      [1, 2],
      [3, -25],
      [-1, 1],
      [-2, new Uint8Array(Buffer.from(x, 'base64url'))],
      [-3, new Uint8Array(Buffer.from(y, 'base64url'))],
    ])
    const derived = (info: string) => new Uint8Array(hkdfSync('sha256', z, Buffer.alloc(32), info, 32))
    const hash = new Uint8Array(createHash('sha256').update(z).digest())
    this.hmacKey = protocol === 1 ? hash : derived('CTAP2 HMAC key')
    this.aesKey = protocol === 1 ? hash : derived('CTAP2 AES key')
  }

  encrypt(plaintext: Uint8Array): Uint8Array {
    const iv = this.protocol === 1 ? Buffer.alloc(16) : randomBytes(16)
    const cipher = createCipheriv('aes-256-cbc', this.aesKey, iv).setAutoPadding(false)
    const ciphertext = concatBytes(cipher.update(plaintext), cipher.final())
    return this.protocol === 1 ? ciphertext : concatBytes(iv, ciphertext)
  }

  decrypt(ciphertext: Uint8Array): Uint8Array {
    const iv = this.protocol === 1 ? Buffer.alloc(16) : ciphertext.subarray(0, 16)
    const decipher = createDecipheriv('aes-256-cbc', this.aesKey, iv).setAutoPadding(false)
    return concatBytes(decipher.update(ciphertext.subarray(this.protocol === 1 ? 0 : 16)), decipher.final())
  }

  sign(message: Uint8Array): Uint8Array {
    return pinUvAuthParam(this.protocol, this.hmacKey, message)
  }
}

/** `authenticate` of a protocol: 16 bytes in protocol 1, 32 in protocol 2. */
export const pinUvAuthParam = (protocol: PinUvAuthProtocolNumber, key: Uint8Array, message: Uint8Array): Uint8Array =>
  new Uint8Array(createHmac('sha256', key).update(message).digest()).slice(0, protocol === 1 ? 16 : 32)

export interface RawAnswer {
  readonly status: number
  readonly map: CborMap
}

type Member = readonly [number, CborValue | undefined]
type Members = readonly Member[]

const present = (members: Members) =>
  members.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))

/** A key, and requests to it in the raw. */
export class RawPlatform {
  readonly clock = new VirtualClock()
  readonly key: SoftwareAuthenticator
  protocol: PinUvAuthProtocolNumber = 2
  /** What the person does when the key blinks. */
  outcome: TouchOutcome = 'touched'
  touches = 0

  constructor(options: Partial<AuthenticatorOptions> = {}) {
    this.key = new SoftwareAuthenticator({ clock: this.clock, random: seededRandom('raw'), ...options })
  }

  async send(command: number, members: Members = []): Promise<RawAnswer> {
    const body = members.length > 0 ? encodeCbor(map(present(members))) : new Uint8Array()
    const answer = await this.key.answer(concatBytes(Uint8Array.of(command), body), async () => {
      this.touches++
      return this.outcome
    })
    const value = answer.length > 1 ? decodeCbor(answer.subarray(1)) : new Map()
    return { status: answer[0] ?? -1, map: value instanceof Map ? value : new Map() }
  }

  async info(): Promise<CborMap> {
    return (await this.send(4)).map
  }

  async option(name: string): Promise<CborValue | undefined> {
    const options = (await this.info()).get(4)
    return options instanceof Map ? options.get(name) : undefined
  }

  /** authenticatorClientPIN; the members replace, or with undefined take away, those of the subcommand. */
  clientPin(subCommand: number, members: Members = []): Promise<RawAnswer> {
    return this.send(6, [...new Map<number, CborValue | undefined>([[1, this.protocol], [2, subCommand], ...members])])
  }

  async agree(): Promise<Agreement> {
    const peer = (await this.clientPin(2)).map.get(1)
    return new Agreement(this.protocol, peer instanceof Map ? peer : new Map())
  }

  async retries(): Promise<CborValue | undefined> {
    return (await this.clientPin(1)).map.get(3)
  }

  async setPin(pin: string, members: Members = []): Promise<number> {
    const agreement = await this.agree()
    const newPinEnc = agreement.encrypt(padded(pin))
    const sent = [[3, agreement.publicKey], [4, agreement.sign(newPinEnc)], [5, newPinEnc], ...members] as const
    return (await this.clientPin(3, sent)).status
  }

  async changePin(old: string, pin: string, members: Members = []): Promise<number> {
    const agreement = await this.agree()
    const newPinEnc = agreement.encrypt(padded(pin))
    const pinHashEnc = agreement.encrypt(half(old))
    const param = agreement.sign(concatBytes(newPinEnc, pinHashEnc))
    const sent = [[3, agreement.publicKey], [4, param], [5, newPinEnc], [6, pinHashEnc], ...members] as const
    return (await this.clientPin(4, sent)).status
  }

  /** A token by subcommand 5 (getPinToken), 9 (with permissions) or 6 (by built-in user verification). */
  async token(subCommand: 5 | 6 | 9, pin: string | undefined, members: Members = []) {
    const agreement = await this.agree()
    const pinHashEnc = pin === undefined ? undefined : agreement.encrypt(half(pin))
    const sent = [[3, agreement.publicKey], [6, pinHashEnc], ...members] as const
    const { status, map: answer } = await this.clientPin(subCommand, sent)
    const encrypted = answer.get(2)
    return { status, token: encrypted instanceof Uint8Array ? agreement.decrypt(encrypted) : new Uint8Array() }
  }

  param(token: Uint8Array, message: Uint8Array = clientDataHash): Uint8Array {
    return pinUvAuthParam(this.protocol, token, message)
  }

  makeCredential(members: Members = [], user = 'u'): Promise<RawAnswer> {
    const entity = map([
      ['id', utf8(user)],
      ['name', user],
      ['displayName', user.toUpperCase()],
    ])
    const es256 = map([
      ['alg', -7],
      ['type', 'public-key'],
    ])
    const defaults: Members = [
      [1, clientDataHash],
      [2, map([['id', 'example.com']])],
      [3, entity],
      [4, [es256]],
    ]
    return this.send(1, [...new Map([...defaults, ...members])])
  }

  getAssertion(members: Members = []): Promise<RawAnswer> {
    const defaults: Members = [
      [1, 'example.com'],
      [2, clientDataHash],
    ]
    return this.send(2, [...new Map([...defaults, ...members])])
  }

  /** makeCredential by a token. */
  makeWith(token: Uint8Array, members: Members = [], user = 'u'): Promise<RawAnswer> {
    return this.makeCredential([[8, this.param(token)], [9, this.protocol], ...members], user)
  }

  /** getAssertion by a token. */
  getWith(token: Uint8Array, members: Members = []): Promise<RawAnswer> {
    return this.getAssertion([[6, this.param(token)], [7, this.protocol], ...members])
  }
}

export const allowing = (...ids: Uint8Array[]): Member => [3, ids.map(descriptor)]
export const excluding = (...ids: Uint8Array[]): Member => [5, ids.map(descriptor)]
export const rk = [7, map([['rk', true]])] as const

/** The flags of an answer's authenticator data, which is member 2 of both ceremonies. */
export const flagsOf = ({ map: answer }: RawAnswer): number => bytesOf(answer.get(2))[32] ?? -1

/** The id of the credential that an answer to makeCredential made. */
export const madeId = ({ map: answer }: RawAnswer): Uint8Array => bytesOf(answer.get(2)).slice(55, 87)
