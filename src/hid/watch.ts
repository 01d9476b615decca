import type { Clock } from '../lib/clock.ts'
import type { Authenticator } from './authenticator.ts'
import type { HidDeviceListing } from './device.ts'
import { CtapError, isCtapError } from './errors.ts'

/** From one look to the next, in milliseconds. */
const lookPause = 250
/** After a look that took longer than that. */
const leastPause = 50
/** The system may take a moment to hand a new key over to the person: so often it is tried before a word is said. */
const patientAttempts = 4

/** What a watch of the keys tells. */
export interface Arrivals {
  /** A key that is plugged in, or has just been, is open. */
  readonly onKey: (key: Authenticator) => void
  /** The key of this name is plugged in and can't be used, and why; told once for as long as it stays plugged in. */
  readonly onUnusable: (error: CtapError, name: string) => void
  /** The first look found no key at all. */
  readonly onNone?: (() => void) | undefined
}

export interface WatchOptions {
  readonly clock: Clock
  /** The one key that is asked for. */
  readonly device: string | undefined
  readonly arrivals: Arrivals
  readonly list: () => Promise<readonly HidDeviceListing[]>
  readonly open: (listing: HidDeviceListing, onGone: () => void) => Promise<Authenticator>
  /** Whether a failure to open means that there is no key. */
  readonly isAbsence: (error: unknown) => boolean
}

/** A key that is plugged in. */
interface Plugged {
  state: 'opening' | 'open' | 'unusable' | 'absent' | 'to be tried again'
  attempts: number
  isTold: boolean
}

type Outcome = 'open' | 'unusable' | 'absent'

/** Looks for keys again and again, and opens each without waiting for the others. */
export class Watch {
  private readonly options: WatchOptions
  private readonly signal: AbortSignal
  private readonly plugged = new Map<string, Plugged>()
  private readonly stop = new AbortController()
  private failure: { readonly error: unknown } | undefined
  private isFirstLook = true

  constructor(options: WatchOptions, signal: AbortSignal) {
    this.options = options
    this.signal = AbortSignal.any([signal, this.stop.signal])
  }

  /** Resolves when the signal aborts. @throws {CtapError} `key_not_found`, `key_hid_unavailable` */
  async run(): Promise<void> {
    if (this.signal.aborted) return
    const aborted = new Promise<void>(resolve => {
      this.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([aborted, this.looking()])
    if (this.failure) throw this.failure.error
  }

  private async looking(): Promise<void> {
    const { clock } = this.options
    while (!this.signal.aborted) {
      const begun = clock.now()
      await this.look().catch(error => this.fail(error))
      const pause = Math.max(leastPause, begun + lookPause - clock.now())
      await clock.sleep(pause, this.signal).catch(() => undefined)
    }
  }

  private async look(): Promise<void> {
    const listed = await this.listed()
    if (!listed || this.signal.aborted) return
    const paths = new Set(listed.map(({ path }) => path))
    for (const path of this.plugged.keys()) if (!paths.has(path)) this.plugged.delete(path)
    const attempts = listed.flatMap(listing => this.tryToOpen(listing) ?? [])
    if (!this.isFirstLook) return
    this.isFirstLook = false
    Promise.all(attempts)
      .then(outcomes => this.tellOfNone(outcomes))
      .catch(error => this.fail(error))
  }

  /** What is plugged in; undefined when a later look finds no way to tell. */
  private async listed(): Promise<readonly HidDeviceListing[] | undefined> {
    try {
      return await this.options.list()
    } catch (error) {
      if (this.isFirstLook) throw error
      return undefined
    }
  }

  private tellOfNone(outcomes: readonly Outcome[]): void {
    if (this.signal.aborted || outcomes.some(outcome => outcome !== 'absent')) return
    const { device, arrivals } = this.options
    if (device === undefined) arrivals.onNone?.()
    else this.fail(new CtapError('key_not_found', `no security key at ${device}`, { device }))
  }

  private tryToOpen(listing: HidDeviceListing): Promise<Outcome> | undefined {
    const known = this.plugged.get(listing.path)
    const isNew = !known || known.state === 'absent'
    if (known && !isNew && known.state !== 'to be tried again') return undefined
    const plugged: Plugged = isNew ? { state: 'opening', attempts: 0, isTold: false } : known
    plugged.state = 'opening'
    plugged.attempts++
    this.plugged.set(listing.path, plugged)
    const attempt = this.open(listing, plugged, this.isFirstLook)
    attempt.catch(error => this.fail(error))
    return attempt
  }

  private async open(listing: HidDeviceListing, plugged: Plugged, isFirstLook: boolean): Promise<Outcome> {
    const onGone = () => {
      plugged.state = 'absent'
    }
    let key: Authenticator
    try {
      key = await this.options.open(listing, onGone)
    } catch (error) {
      return this.refused(listing.product, plugged, isFirstLook, error)
    }
    if (this.signal.aborted) {
      await key.close()
      return 'absent'
    }
    plugged.state = 'open'
    this.options.arrivals.onKey(key)
    return 'open'
  }

  private refused(name: string, plugged: Plugged, isFirstLook: boolean, error: unknown): Outcome {
    if (this.signal.aborted) return 'absent'
    if (!isCtapError(error)) throw error
    if (this.options.isAbsence(error)) {
      plugged.state = 'absent'
      return 'absent'
    }
    // These may pass while the key stays plugged in.
    const mayPass = isCtapError(error, 'key_no_permission', 'key_busy')
    plugged.state = mayPass ? 'to be tried again' : 'unusable'
    const isTooEarly = isCtapError(error, 'key_no_permission') && !isFirstLook && plugged.attempts < patientAttempts
    if (!plugged.isTold && !isTooEarly) {
      plugged.isTold = true
      this.options.arrivals.onUnusable(error, name)
    }
    return 'unusable'
  }

  private fail(error: unknown): void {
    this.failure ??= { error }
    this.stop.abort()
  }
}
