import { type Authenticator, type CeremonyOptions, CtapError, isCtapError } from '../../hid/index.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Interaction } from '../interaction.ts'
import type { Ceremony } from './ceremony.ts'
import { tokenByPin } from './pin.ts'
import { untilTouched } from './until-touched.ts'
import { type VerificationMeans, verificationMeans } from './user-verification.ts'

/** The most that a key forgives (CTAP 2.1 section 6.5.2.2, maxUvRetries): one that forgives more is not to be believed. */
const mostMisses = 25

export interface AttemptTools<T> {
  readonly ceremony: Ceremony<T>
  readonly interaction: Interaction
  readonly clock: Clock
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number
  readonly options: CeremonyOptions & { readonly signal: AbortSignal }
  /** Whether no other key is plugged in. */
  isAlone(): Promise<boolean>
  /** Whether `--device` named the key. */
  readonly isNamed: boolean
  /** Says an error that does not end the attempt. */
  say(error: CtapError): void
}

/** CTAP 2.1 and later. FIDO_2_1_PRE is a draft. */
const speaksBeforeTouch = /^FIDO_2_[1-9]\d*$/

/** What a key came to before its PIN was needed: the result, or a touch by which a person chose it. */
export type FirstStage<T> = { readonly value: T } | { readonly selectedByTouch: boolean }

/** One key's attempt at a ceremony. */
export class KeyAttempt<T> {
  private readonly key: Authenticator
  private readonly tools: AttemptTools<T>
  private hasBlinked = false

  constructor(key: Authenticator, tools: AttemptTools<T>) {
    const onTouchNeeded = () => {
      this.hasBlinked = true
      tools.options.onTouchNeeded?.()
    }
    this.key = key
    this.tools = { ...tools, options: { ...tools.options, onTouchNeeded } }
  }

  /**
   * The ceremony as far as it goes without a PIN. A key whose PIN is needed waits for the touch that selects it, unless
   * it is named, or is the only one and a script supplies the PIN.
   * @throws {CtapError} why the key refuses; `key_no_credentials` without a touch
   */
  async begin(): Promise<FirstStage<T>> {
    const { key, tools } = this
    const { ceremony, interaction } = tools
    const need = ceremony.needOf(key)
    let isKnown = false
    let isDemanded = false
    let blocked: CtapError | undefined
    let untold: CtapError | undefined
    for (let misses = 0; ; ) {
      let means: VerificationMeans
      try {
        const sources = { pin: true, builtIn: !blocked }
        means = verificationMeans(key, need, sources, isDemanded)
        // Only now: to look for a PIN may read a file, or a line of stdin.
        if (means === 'pin' && (await interaction.pinSource()) === 'nowhere') {
          means = verificationMeans(key, need, { ...sources, pin: false }, isDemanded)
        }
      } catch (error) {
        throw isCtapError(error) && blocked ? blocked : error
      }
      if (untold) tools.say(untold)
      untold = undefined
      if (!isKnown) await this.verifyCredentials(means)
      isKnown = true
      if (means === 'pin') return { selectedByTouch: await this.select() }
      try {
        const asked = means
        return { value: await this.untilTouched(() => this.perform(asked)) }
      } catch (error) {
        if (isCtapError(error, 'key_uv_invalid') && ++misses < mostMisses) tools.say(error)
        else if (isCtapError(error, 'key_uv_blocked') || (isCtapError(error, 'key_pin_required') && means !== 'none')) {
          blocked = error
          if (error.code === 'key_uv_blocked') untold = error
        } else if (isCtapError(error, 'key_pin_required') && !isDemanded) isDemanded = true
        else throw error
      }
    }
  }

  /**
   * The ceremony of the key that has been selected, with its PIN.
   * @throws {CtapError} `key_excluded` before the PIN is asked for; what {@link tokenByPin} throws
   */
  async finishWithPin(): Promise<T> {
    const { key } = this
    const { ceremony, interaction, options } = this.tools
    const { rpId, permissions, excludeList } = ceremony
    const silent = { ...options, onTouchNeeded: undefined }
    if (excludeList.length > 0 && (await interaction.pinSource()) === 'person') {
      if (await key.hasCredential({ rpId, credentials: excludeList }, silent)) {
        throw new CtapError('key_excluded', 'the key has a credential of the exclude list', { device: key.name })
      }
    }
    const token = await tokenByPin(key, { rpId, permissions }, interaction, options)
    let late: unknown
    return this.untilTouched(async () => {
      try {
        return await ceremony.perform(key, { token }, options)
      } catch (error) {
        // A token is good for a while only. What was too late for it is told, not what came of that.
        if (late && isCtapError(error, 'key_pin_auth_invalid', 'key_pin_token_expired')) throw late
        late = error
        throw error
      }
    })
  }

  private untilTouched<R>(ask: () => Promise<R>): Promise<R> {
    return untilTouched(this.tools.clock, this.tools.deadline, ask)
  }

  private async perform(means: Exclude<VerificationMeans, 'pin'>): Promise<T> {
    const { key } = this
    const { ceremony, options } = this.tools
    if (means !== 'uv_token') return ceremony.perform(key, means === 'uv_option' ? { uv: true } : {}, options)
    const { rpId, permissions } = ceremony
    const token = await key.verifyUser({ rpId, permissions }, options)
    return ceremony.perform(key, { token }, options)
  }

  /**
   * Asks without a touch whether the key has one of the credentials. A CTAP 2.1 key says so itself before it blinks
   * (section 6.2.2, step 7), and a U2F key does, too; to ask such a key first is of use only where it would verify its
   * user first, or distract from another key.
   */
  private async verifyCredentials(means: VerificationMeans): Promise<void> {
    const { key } = this
    const { ceremony, options, isAlone } = this.tools
    const { rpId, allowList } = ceremony
    if (allowList.length === 0 || key.protocol === 'u2f') return
    if (means === 'none' && key.info.versions.some(version => speaksBeforeTouch.test(version)) && (await isAlone()))
      return
    const silent = { ...options, onTouchNeeded: undefined }
    if ((await key.hasCredential({ rpId, credentials: allowList }, silent)) !== false) return
    throw new CtapError('key_no_credentials', 'the key has none of these credentials', { device: key.name })
  }

  /** Waits for the touch that selects the key, where there has to be one. Returns whether it has been touched. */
  private async select(): Promise<boolean> {
    const { interaction, isAlone, isNamed, options } = this.tools
    // A finger that it did not recognise has touched it all the same.
    if (this.hasBlinked) return true
    if (isNamed || ((await interaction.pinSource()) === 'script' && (await isAlone()))) return false
    await this.untilTouched(() => this.key.select(options))
    return true
  }
}
