import {
  type Arrivals,
  type Authenticator,
  type AuthenticatorSource,
  type CtapError,
  isCtapError,
} from '../../hid/index.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Interaction } from '../interaction.ts'
import type { Ceremony } from './ceremony.ts'
import { KeyAttempt } from './key-attempt.ts'
import type { KeyScreen } from './key-screen.ts'

/** Refusals that a person's touch brought about: no other key is waited for after these. */
const final = ['key_excluded', 'key_denied', 'key_cancelled'] as const
const pollPause = 250

type Decision<T> = { readonly value: T } | { readonly error: unknown }

interface Contender {
  readonly stop: AbortController
  readonly ended: Promise<void>
}

interface KeyRefusal {
  readonly error: CtapError
  readonly keyName: string
  isTold: boolean
}

export interface SelectionOptions<T> {
  readonly ceremony: Ceremony<T>
  readonly source: Pick<AuthenticatorSource, 'present'>
  readonly interaction: Interaction
  readonly clock: Clock
  readonly screen: KeyScreen
  /** Aborts when the ceremony is broken off. */
  readonly signal: AbortSignal
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number
  /** Whether `--device` names the one key that there can be. */
  readonly isNamed: boolean
}

/**
 * All keys that are there blink at once, and those that come join them. The one that is touched goes on, and the others
 * are told to stop. A key that refuses by itself is passed over; when all have, that is the outcome.
 */
export class KeySelection<T> implements Arrivals {
  private readonly options: SelectionOptions<T>
  private readonly present = new Map<string, Authenticator>()
  private readonly contenders = new Map<Authenticator, Contender>()
  private readonly blinking = new Set<Authenticator>()
  /** Keys that were stopped for the sake of the selected one, or came after it. */
  private readonly waiting = new Set<Authenticator>()
  private readonly refusals: KeyRefusal[] = []
  private unusable = 0
  private selected: { readonly key: Authenticator; readonly isTouched: boolean } | undefined
  /** The name of a key that was pulled out and is waited for. */
  private pulledOut: string | undefined
  private decision: Decision<T> | undefined
  private readonly over = new AbortController()
  private isSettling = false

  constructor(options: SelectionOptions<T>) {
    this.options = options
  }

  readonly onKey = (key: Authenticator): void => {
    this.present.set(key.path, key)
    this.pulledOut = undefined
    if (this.selected) this.waiting.add(key)
    else this.enter(key)
  }

  readonly onUnusable = (error: CtapError, name: string): void => {
    this.unusable++
    this.refuse(error, name)
    void this.settle()
  }

  /** Ends it with `error`, unless it has ended. */
  fail(error: unknown): void {
    this.decide({ error })
  }

  /** Whether a key is being asked, so that what runs out is the time to touch it. */
  get isAsking(): boolean {
    return this.contenders.size > 0
  }

  /** What the touched key gave, once all others have let go. */
  async outcome(): Promise<T> {
    if (!this.decision) await new Promise<void>(resolve => this.over.signal.addEventListener('abort', () => resolve()))
    await Promise.all([...this.contenders.values()].map(({ ended }) => ended))
    if (this.decision && 'value' in this.decision) return this.decision.value
    throw this.decision?.error
  }

  private decide(decision: Decision<T>): void {
    if (this.decision) return
    this.decision = decision
    for (const { stop } of this.contenders.values()) stop.abort()
    this.over.abort()
  }

  private enter(key: Authenticator): void {
    if (this.decision) return
    const stop = new AbortController()
    // In the next turn, when it is in the list of contenders.
    const ended = Promise.resolve().then(() => this.contend(key, stop.signal))
    this.contenders.set(key, { stop, ended })
  }

  private async contend(key: Authenticator, stop: AbortSignal): Promise<void> {
    try {
      const attempt = this.attemptOf(key, stop)
      const stage = await attempt.begin()
      if (stop.aborted) return
      if ('value' in stage) this.decide(stage)
      else {
        await this.select(key, stage.selectedByTouch)
        if (!stop.aborted) this.decide({ value: await attempt.finishWithPin() })
      }
    } catch (error) {
      if (!stop.aborted) this.takeFailure(key, error)
    } finally {
      this.contenders.delete(key)
      this.blinking.delete(key)
      this.refresh()
      void this.settle()
    }
  }

  private attemptOf(key: Authenticator, stop: AbortSignal): KeyAttempt<T> {
    const { ceremony, interaction, source, clock, screen, signal, deadline, isNamed } = this.options
    const onTouchNeeded = () => {
      if (this.blinking.has(key)) return
      interaction.event('touch', { key: key.name })
      this.blinking.add(key)
      this.refresh()
    }
    return new KeyAttempt(key, {
      ceremony,
      interaction,
      clock,
      deadline,
      isNamed,
      isAlone: async () => isNamed || (this.contenders.size <= 1 && (await source.present()).length <= 1),
      say: error => screen.aside(() => interaction.refused(error, [])),
      options: {
        signal: AbortSignal.any([stop, signal]),
        onTouchNeeded,
        timeout: Math.max(1, deadline - clock.now()),
      },
    })
  }

  /** Has all other keys stop blinking. */
  private async select(key: Authenticator, isTouched: boolean): Promise<void> {
    this.selected = { key, isTouched }
    this.blinking.clear()
    this.options.screen.hide()
    const others = [...this.contenders].filter(([other]) => other !== key)
    for (const [other, { stop }] of others) {
      this.waiting.add(other)
      stop.abort()
    }
    await Promise.all(others.map(([, { ended }]) => ended))
  }

  private takeFailure(key: Authenticator, error: unknown): void {
    const { interaction, screen } = this.options
    const isSelected = this.selected?.key === key
    if (isCtapError(error, 'key_unplugged')) {
      void key.close()
      // It is back before its absence was noticed.
      if (this.present.get(key.path) !== key) return
      if (interaction.isInteractive) {
        this.present.delete(key.path)
        this.pulledOut = key.name
        if (isSelected) this.enterAgain()
        // While nothing else is waited for, the wait for it says so.
        if (this.contenders.size > 1) screen.aside(() => interaction.keyPassedOver(error, key.name))
        return
      }
    }
    if (!isCtapError(error) || isCtapError(error, ...final) || isSelected) this.decide({ error })
    else this.refuse(error, key.name)
  }

  private enterAgain(): void {
    this.selected = undefined
    const keys = [...this.waiting]
    this.waiting.clear()
    for (const key of keys) this.enter(key)
  }

  private refuse(error: CtapError, keyName: string): void {
    this.refusals.push({ error, keyName, isTold: false })
  }

  /** Whether every key that was opened has refused, and nothing is waited for. */
  private isStuck(): boolean {
    if (this.decision || this.contenders.size > 0 || this.pulledOut !== undefined) return false
    return this.refusals.length > 0
  }

  /** Ends it when there is nothing left to hope for; says why keys were passed over when there is. */
  private async settle(): Promise<void> {
    if (this.isSettling) return
    this.isSettling = true
    const { source, clock } = this.options
    while (this.isStuck()) {
      const there = await source.present().catch(() => [])
      if (!this.isStuck()) break
      // Keys that are plugged in and still to be opened.
      const opening = there.filter(({ path }) => !this.present.has(path)).length
      if (opening <= this.unusable) this.decide({ error: this.refusals[0]?.error })
      this.tell()
      await clock.sleep(pollPause, this.over.signal).catch(() => undefined)
    }
    this.isSettling = false
    this.tell()
  }

  private tell(): void {
    if (this.decision) return
    const { screen, interaction } = this.options
    for (const refusal of this.refusals) {
      if (refusal.isTold) continue
      refusal.isTold = true
      screen.aside(() => interaction.keyPassedOver(refusal.error, refusal.keyName))
    }
  }

  private refresh(): void {
    const { screen } = this.options
    const [key, ...others] = this.blinking
    if (this.decision) screen.hide()
    else if (key && others.length > 0) screen.show('touch')
    else if (key) screen.show(this.selected?.isTouched ? 'touch_again' : 'touch', key.name)
    else if (this.selected) screen.hide()
    else if (this.pulledOut !== undefined && this.contenders.size === 0) screen.show('plug_in_again', this.pulledOut)
    else screen.show('plug_in')
  }
}
