import type { CeremonyTools } from '../../../src/auth/webauthn/keys.ts'
import type {
  Arrivals,
  Authenticator,
  AuthenticatorInfo,
  AuthenticatorSource,
  CeremonyOptions,
  GetAssertionParameters,
  GetAssertionResult,
  MakeCredentialParameters,
  MakeCredentialResult,
  PinUvAuthToken,
  TokenRequest,
} from '../../../src/hid/index.ts'
import { CtapError, type KeyErrorCode } from '../../../src/hid/index.ts'
import { concatBytes, equalBytes, utf8 } from '../../../src/lib/bytes.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { until } from '../../support/until.ts'
import { ScriptedInteraction } from '../scripted-interaction.ts'

const authData = concatBytes(
  new Uint8Array(32),
  Uint8Array.of(0x41, 0, 0, 0, 1),
  new Uint8Array(16),
  Uint8Array.of(0, 1, 7, 0xa0),
)

export interface FakeKeyOptions {
  readonly name?: string
  readonly options?: Readonly<Record<string, boolean>>
  readonly versions?: readonly string[]
  readonly extensions?: readonly string[]
  readonly forcePinChange?: boolean
  readonly protocol?: 'ctap2' | 'u2f'
  readonly pin?: string
  /** Whether it tells nobody without a touch what it has. */
  readonly isReticent?: boolean
  readonly pinTries?: number
  readonly powerCycleNeeded?: boolean
  /** The ids, of one byte each, of the credentials that it has. */
  readonly credentials?: readonly number[]
  /** Whether somebody touches it whenever it blinks. */
  readonly touched?: boolean
  /** What its commands and its own verification of the user answer at first, one after the other. */
  readonly refusals?: readonly KeyErrorCode[]
}

const needsTouch = ['select', 'makeCredential', 'getAssertion', 'verifyUser by itself']

/** A key that notes what it is asked for, and waits for `touch` where a real one would blink. */
export class FakeKey implements Authenticator {
  readonly name: string
  readonly path: string
  readonly protocol: 'ctap2' | 'u2f'
  readonly info: AuthenticatorInfo
  readonly deviceVersion = [1, 0, 0] as const
  readonly canWink = true
  /** What it was asked for, in order, and `let go` where it was told to stop. */
  readonly calls: string[] = []
  readonly made: MakeCredentialParameters[] = []
  readonly asked: GetAssertionParameters[] = []
  readonly tokens: TokenRequest[] = []
  isBlinking = false
  private readonly options: FakeKeyOptions
  private readonly refusals: KeyErrorCode[]
  private tries: number
  private end: ((outcome: 'touched' | CtapError) => void) | undefined

  constructor(options: FakeKeyOptions = {}) {
    this.options = options
    this.name = options.name ?? 'key'
    this.path = `/dev/${this.name}`
    this.protocol = options.protocol ?? 'ctap2'
    this.refusals = [...(options.refusals ?? [])]
    this.tries = options.pinTries ?? 8
    this.info = {
      versions: options.versions ?? ['FIDO_2_1'],
      extensions: options.extensions ?? [],
      aaguid: new Uint8Array(16),
      options: new Map(Object.entries(options.options ?? {})),
      maxMsgSize: 1200,
      pinUvAuthProtocols: [2],
      maxCredentialCountInList: undefined,
      maxCredentialIdLength: undefined,
      transports: [],
      algorithms: [],
      minPinLength: undefined,
      firmwareVersion: undefined,
      forcePinChange: options.forcePinChange,
      members: new Map(),
    }
  }

  touch(): void {
    this.end?.('touched')
  }

  /** What the source does when the key is pulled out. */
  die(): void {
    this.end?.(new CtapError('key_unplugged', 'gone', { device: this.name }))
  }

  /** What a key does that nobody touches: it says so with `code` and its status. */
  giveUp(code: KeyErrorCode = 'key_timeout', details: { readonly status?: number } = { status: 0x2f }): void {
    this.end?.(new CtapError(code, 'not touched', details))
  }

  /** Waits until it blinks. */
  blinks(): Promise<boolean> {
    return until(`${this.name} to blink`, () => this.isBlinking || undefined)
  }

  private async call(what: string, { signal, onTouchNeeded }: CeremonyOptions = {}): Promise<void> {
    this.calls.push(what)
    if (signal?.aborted) throw this.letGo()
    if (what !== 'select' && needsTouch.includes(what)) {
      const refusal = this.refusals.shift()
      // Whose finger it does not recognise has touched it.
      if (refusal === 'key_uv_invalid') onTouchNeeded?.()
      if (refusal) throw new CtapError(refusal, refusal, { device: this.name })
    }
    if (!needsTouch.includes(what)) return
    onTouchNeeded?.()
    if (this.options.touched) return
    this.isBlinking = true
    // A key takes a moment to answer CANCEL.
    const aborted = () => void systemClock.sleep(20).then(() => this.end?.(this.letGo()))
    signal?.addEventListener('abort', aborted)
    const outcome = await new Promise<'touched' | CtapError>(resolve => {
      this.end = resolve
    })
    signal?.removeEventListener('abort', aborted)
    this.isBlinking = false
    if (outcome !== 'touched') throw outcome
  }

  private letGo(): CtapError {
    this.calls.push('let go')
    return new CtapError('key_cancelled', 'cancelled')
  }

  private has(list: readonly { readonly id: Uint8Array }[]): number | undefined {
    return this.options.credentials?.find(own => list.some(({ id }) => equalBytes(id, Uint8Array.of(own))))
  }

  async makeCredential(parameters: MakeCredentialParameters, options?: CeremonyOptions): Promise<MakeCredentialResult> {
    await this.call('makeCredential', options)
    this.made.push(parameters)
    if (this.has(parameters.excludeList ?? []) !== undefined) throw new CtapError('key_excluded', 'excluded')
    return { fmt: 'none', attStmt: new Map(), authData }
  }

  async getAssertion(parameters: GetAssertionParameters, options?: CeremonyOptions): Promise<GetAssertionResult> {
    const list = parameters.allowList ?? []
    const own = this.has(list)
    const isWrong = list.length > 0 && own === undefined
    // A CTAP 2.1 key and a U2F key say so at once, a CTAP 2.0 key after the touch.
    const saysAtOnce = this.protocol === 'u2f' || this.info.versions.includes('FIDO_2_1')
    if (isWrong && saysAtOnce) this.calls.push('getAssertion')
    else await this.call('getAssertion', options)
    if (isWrong) throw new CtapError('key_no_credentials', 'none', { device: this.name })
    this.asked.push(parameters)
    const credentialId = Uint8Array.of(own ?? 7)
    return { credentialId, authData, signature: Uint8Array.of(1), userHandle: undefined, numberOfCredentials: 1 }
  }

  nextAssertion(): Promise<GetAssertionResult> {
    return Promise.reject(new CtapError('key_not_allowed', 'no more'))
  }

  async hasCredential({ credentials }: Parameters<Authenticator['hasCredential']>[0]): Promise<boolean | undefined> {
    await this.call('hasCredential')
    if (this.options.isReticent) return undefined
    return this.has(credentials) !== undefined
  }

  select(options?: CeremonyOptions): Promise<void> {
    return this.call('select', options)
  }

  async verifyUser(request: TokenRequest, options?: CeremonyOptions): Promise<PinUvAuthToken> {
    await this.call(request.pin === undefined ? 'verifyUser by itself' : 'verifyUser by PIN', options)
    this.tokens.push(request)
    if (request.pin !== undefined && request.pin !== this.options.pin) {
      this.tries--
      throw new CtapError('key_pin_invalid', 'wrong', { device: this.name, retriesLeft: this.tries })
    }
    return { protocol: 2, authenticate: message => concatBytes(utf8('proof of '), message) }
  }

  async pinRetries() {
    await this.call('pinRetries')
    return { left: this.tries, powerCycleNeeded: this.options.powerCycleNeeded ?? false }
  }

  async uvRetries(): Promise<number> {
    return 3
  }

  setPin(): Promise<void> {
    return this.call('setPin')
  }

  changePin(): Promise<void> {
    return this.call('changePin')
  }

  wink(): Promise<void> {
    return this.call('wink')
  }

  ping(): Promise<void> {
    return this.call('ping')
  }

  reset(): Promise<void> {
    return this.call('reset')
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }
}

/** USB ports into which a test plugs keys. */
export class FakeUsb implements AuthenticatorSource {
  readonly log: string[] = []
  private readonly plugged = new Map<string, FakeKey | CtapError>()
  private arrivals: Arrivals | undefined

  constructor(...keys: FakeKey[]) {
    for (const key of keys) this.plugged.set(key.path, key)
  }

  plugIn(key: FakeKey): void {
    this.plugged.set(key.path, key)
    this.arrivals?.onKey(key)
  }

  plugInUnusable(path: string, error: CtapError): void {
    this.plugged.set(path, error)
    this.arrivals?.onUnusable(error, error.details.device ?? '')
  }

  /** A key that the system shows, and that takes its time to open: `open` opens it. */
  plugInSlowly(key: FakeKey): () => void {
    this.plugged.set(key.path, new CtapError('key_busy', 'opening'))
    return () => this.plugIn(key)
  }

  pullOut(key: FakeKey): void {
    this.plugged.delete(key.path)
    key.die()
  }

  async list(): Promise<Authenticator[]> {
    return [...this.plugged.values()].filter(each => each instanceof FakeKey)
  }

  async watch(arrivals: Arrivals, signal: AbortSignal): Promise<void> {
    this.log.push('watch')
    this.arrivals = arrivals
    for (const each of this.plugged.values()) {
      if (each instanceof FakeKey) arrivals.onKey(each)
      else if (each.code !== 'key_busy') arrivals.onUnusable(each, each.details.device ?? '')
    }
    if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
    this.log.push('watch ends')
  }

  async present() {
    return [...this.plugged.keys()].map(path => ({ path, name: path }))
  }

  async close(): Promise<void> {
    this.log.push('close')
  }
}

/** What a ceremony needs, with a person who types `pins` when asked. */
export function toolsOf(usb: FakeUsb, ...pins: string[]): CeremonyTools & { interaction: ScriptedInteraction } {
  return {
    origin: 'https://example.org',
    interaction: new ScriptedInteraction(...pins),
    clock: systemClock,
    isKeyNamed: false,
    openAuthenticators: () => usb,
  }
}

type Creation = Parameters<typeof import('../../../src/auth/webauthn/registration.ts').register>[0]
type Request = Parameters<typeof import('../../../src/auth/webauthn/authentication.ts').authenticate>[0]

export const creation = (changes: Partial<Creation> = {}): Creation => ({
  rp: { id: 'example.org', name: 'Example' },
  user: { id: 'AAAA', name: 'alice', displayName: 'Alice' },
  challenge: 'x'.repeat(43),
  pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
  ...changes,
})

const ids = ['AA', 'AQ', 'Ag', 'Aw']

/** A request for an assertion by one of the credentials with these ids: 0, 1, 2 or 3. */
export const request = (credentials: readonly number[], changes: Partial<Request> = {}): Request => ({
  challenge: 'x'.repeat(43),
  rpId: 'example.org',
  allowCredentials: credentials.map(id => ({ type: 'public-key', id: ids[id] ?? '' })),
  ...changes,
})
