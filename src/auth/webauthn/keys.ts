import { type Authenticator, type AuthenticatorSource, type CeremonyOptions, isCtapError } from '../../hid/index.ts'
import type { Clock } from '../../lib/clock.ts'
import { abortError } from '../errors.ts'
import type { Interaction } from '../interaction.ts'

/** Refusals that a person's touch brought about, or the lack of one: no other key is waited for after these. */
const final = ['key_excluded', 'key_denied', 'key_timeout', 'key_cancelled'] as const

export interface KeyTools {
  readonly interaction: Interaction
  readonly clock: Clock
  openAuthenticators(): AuthenticatorSource | Promise<AuthenticatorSource>
}

/** Says, once, that a key waits for a touch. */
class TouchPrompt {
  private readonly interaction: Interaction
  private takeAway: (() => void) | undefined

  constructor(interaction: Interaction) {
    this.interaction = interaction
  }

  show(key: Authenticator, alone: boolean): void {
    if (this.takeAway) return
    this.interaction.event('touch', { key: key.name })
    this.takeAway = this.interaction.keyWaiting('touch', alone ? key.name : undefined)
  }

  hide(): void {
    this.takeAway?.()
  }
}

/** Has every key try; the first to succeed wins and the others stop blinking. */
async function race<T>(
  keys: readonly Authenticator[],
  attempt: (key: Authenticator, options: CeremonyOptions) => Promise<T>,
  interaction: Interaction,
  timeout: number,
): Promise<T> {
  const decided = new AbortController()
  const signal = AbortSignal.any([decided.signal, interaction.signal])
  const prompt = new TouchPrompt(interaction)
  const refusals: unknown[] = []
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined
  const decide = (how: NonNullable<typeof outcome>) => {
    outcome ??= how
    decided.abort()
  }
  try {
    await Promise.all(
      keys.map(async key => {
        const onTouchNeeded = () => prompt.show(key, keys.length === 1)
        try {
          decide({ value: await attempt(key, { signal, timeout, onTouchNeeded }) })
        } catch (error) {
          if (!isCtapError(error) || isCtapError(error, ...final)) decide({ error })
          else refusals.push(error)
        }
      }),
    )
  } finally {
    prompt.hide()
  }
  if (outcome && 'value' in outcome) return outcome.value
  throw outcome ? outcome.error : refusals[0]
}

/**
 * Waits for a security key to be plugged in, and has all that are there try `attempt`: the one that is touched wins.
 * @param timeout of the whole ceremony, in milliseconds.
 * @throws {CtapError} why the keys refused; `key_not_found` when none was plugged in
 * @throws {CancelledError} on Ctrl-C; the keys have stopped blinking then
 */
export async function withTouchedKey<T>(
  { interaction, clock, openAuthenticators }: KeyTools,
  timeout: number,
  attempt: (key: Authenticator, options: CeremonyOptions) => Promise<T>,
): Promise<T> {
  const { signal } = interaction
  const deadline = clock.now() + timeout
  const source = await openAuthenticators()
  let takeAway: (() => void) | undefined
  try {
    const onWaiting = () => {
      takeAway = interaction.keyWaiting('plug_in')
    }
    const keys = await source.wait({ signal, patience: timeout, onWaiting })
    takeAway?.()
    takeAway = undefined
    return await race(keys, attempt, interaction, Math.max(1, deadline - clock.now()))
  } catch (error) {
    throw signal.aborted ? abortError(signal) : error
  } finally {
    takeAway?.()
    await source.close()
  }
}
