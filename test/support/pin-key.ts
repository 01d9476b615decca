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
import type { CborMap, CborValue } from '../../src/lib/cbor.ts'
import type { Ctap2Answer, Ctap2Request } from './scripted-channel.ts'

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest()
const bytes = (value: CborValue | undefined): Buffer => {
  if (!(value instanceof Uint8Array)) throw new Error('a parameter that is no bytes')
  return Buffer.from(value)
}

export interface PinKeySettings {
  readonly protocol: 1 | 2
  /** CTAP 2.1's tokens with permissions, and a finger. Default: true. */
  readonly ctap21?: boolean
  readonly options?: readonly (readonly [string, boolean])[]
  /** More of getInfo. */
  readonly members?: readonly (readonly [number, CborValue])[]
  readonly tokenLength?: number
}

/**
 * The key's side of authenticatorClientPIN (CTAP 2.1 section 6.5.5), written with other primitives than the client's.
 * What it keeps of a PIN is in the open, for tests to look at.
 */
export class PinKey {
  /** The first 16 bytes of SHA-256 of the PIN. */
  pinHash: Buffer | undefined
  newPin: Buffer | undefined
  retries = 8
  uvRetries = 3
  /** What a finger is answered with, other than a token. */
  uvStatus: number | undefined
  token: Buffer | undefined
  misses = 0
  private pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  private readonly settings: PinKeySettings

  constructor(settings: PinKeySettings) {
    this.settings = settings
  }

  answer({ command, parameters }: Ctap2Request): Ctap2Answer {
    if (command === 4) return this.info()
    if (command !== 6) return 0x01
    if (parameters.get(1) !== this.settings.protocol) return 0x02
    const kind = parameters.get(2)
    if (kind === 1) return new Map<number, CborValue>([[3, this.retries], ...this.powerCycleState()])
    if (kind === 2) return new Map([[1, this.coseKey()]])
    if (kind === 3) return this.setPin(parameters)
    if (kind === 4) return this.changePin(parameters)
    if (kind === 5) return this.givePinToken(parameters)
    if (this.settings.ctap21 === false) return 0x3e
    if (kind === 6) return this.uvStatus === undefined ? this.giveToken(parameters) : this.miss(this.uvStatus)
    if (kind === 7) return new Map([[5, this.uvRetries]])
    if (kind === 9) return this.givePinToken(parameters)
    return 0x3e
  }

  setTo(pin: string): this {
    this.pinHash = sha256(Buffer.from(pin)).subarray(0, 16)
    return this
  }

  private info(): CborMap {
    const { ctap21 = true, protocol, options = [], members = [] } = this.settings
    const all = new Map([['clientPin', this.pinHash !== undefined] as const, ...options])
    if (ctap21) all.set('pinUvAuthToken', true)
    return new Map<number, CborValue>([
      [1, ctap21 ? ['FIDO_2_0', 'FIDO_2_1'] : ['FIDO_2_0']],
      [3, new Uint8Array(16)],
      [4, new Map(all)],
      [6, [protocol]],
      ...members,
    ])
  }

  private powerCycleState(): [number, CborValue][] {
    return this.misses >= 3 ? [[4, true]] : []
  }

  private coseKey(): CborMap {
    const { x = '', y = '' } = this.pair.publicKey.export({ format: 'jwk' })
    return new Map<number, CborValue>([
      [1, 2],
      [3, -25],
      [-1, 1],
      [-2, new Uint8Array(Buffer.from(x, 'base64url'))],
      [-3, new Uint8Array(Buffer.from(y, 'base64url'))],
    ])
  }

  private keys(parameters: CborMap) {
    const cose = parameters.get(3)
    if (!(cose instanceof Map) || cose.get(3) !== -25) throw new Error('no platform key')
    const [x, y] = [-2, -3].map(label => bytes(cose.get(label)).toString('base64url'))
    const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' } })
    const z = diffieHellman({ privateKey: this.pair.privateKey, publicKey })
    if (this.settings.protocol === 1) return { mac: sha256(z), aes: sha256(z) }
    const derive = (info: string) => Buffer.from(hkdfSync('sha256', z, Buffer.alloc(32), info, 32))
    return { mac: derive('CTAP2 HMAC key'), aes: derive('CTAP2 AES key') }
  }

  private decrypt(parameters: CborMap, label: number): Buffer {
    const data = bytes(parameters.get(label))
    const split = this.settings.protocol === 1 ? 0 : 16
    const iv = split === 0 ? Buffer.alloc(16) : data.subarray(0, split)
    const decipher = createDecipheriv('aes-256-cbc', this.keys(parameters).aes, iv).setAutoPadding(false)
    return Buffer.concat([decipher.update(data.subarray(split)), decipher.final()])
  }

  private isAuthentic(parameters: CborMap, ...labels: number[]): boolean {
    const message = Buffer.concat(labels.map(label => bytes(parameters.get(label))))
    return this.mac(this.keys(parameters).mac, message).equals(bytes(parameters.get(4)))
  }

  /** What the token's pinUvAuthParam for a message has to be. */
  mac(key: Buffer, message: Uint8Array): Buffer {
    const mac = createHmac('sha256', key).update(message).digest()
    return this.settings.protocol === 1 ? mac.subarray(0, 16) : mac
  }

  private setPin(parameters: CborMap): Ctap2Answer {
    if (this.pinHash || !this.isAuthentic(parameters, 5)) return 0x33
    return this.keep(parameters)
  }

  private changePin(parameters: CborMap): Ctap2Answer {
    if (!this.isAuthentic(parameters, 5, 6)) return 0x33
    return this.judge(parameters) ?? this.keep(parameters)
  }

  private keep(parameters: CborMap): Ctap2Answer {
    const padded = this.decrypt(parameters, 5)
    if (padded.length !== 64) return 0x02
    this.newPin = padded.subarray(0, padded.indexOf(0))
    this.pinHash = sha256(this.newPin).subarray(0, 16)
    return new Map()
  }

  /** Why the PIN of a request is refused. */
  private judge(parameters: CborMap): number | undefined {
    if (!this.pinHash) return 0x35
    if (this.retries === 0) return 0x32
    if (this.misses >= 3) return 0x34
    this.retries--
    if (this.decrypt(parameters, 6).equals(this.pinHash)) {
      this.retries = 8
      this.misses = 0
      return undefined
    }
    this.misses++
    this.pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    if (this.retries === 0) return 0x32
    return this.misses >= 3 ? 0x34 : 0x31
  }

  private givePinToken(parameters: CborMap): Ctap2Answer {
    return this.judge(parameters) ?? this.giveToken(parameters)
  }

  private giveToken(parameters: CborMap): Ctap2Answer {
    this.token = randomBytes(this.settings.tokenLength ?? 32)
    const iv = this.settings.protocol === 1 ? Buffer.alloc(16) : randomBytes(16)
    const cipher = createCipheriv('aes-256-cbc', this.keys(parameters).aes, iv).setAutoPadding(false)
    const encrypted = Buffer.concat([cipher.update(this.token), cipher.final()])
    const sent = this.settings.protocol === 1 ? encrypted : Buffer.concat([iv, encrypted])
    return new Map([[2, new Uint8Array(sent)]])
  }

  private miss(status: number): number {
    this.uvRetries--
    return status
  }
}
