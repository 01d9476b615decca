import { type AuthenticatorSource, CtapError } from '../../hid/index.ts'
import type { Clock } from '../../lib/clock.ts'
import { abortError } from '../errors.ts'
import type { Interaction } from '../interaction.ts'
import type { Ceremony } from './ceremony.ts'
import { KeyScreen } from './key-screen.ts'
import { KeySelection } from './key-selection.ts'

export interface KeyTools {
  readonly interaction: Interaction
  readonly clock: Clock
  /** Whether `--device` names the one key that there can be: then no touch is needed to select it. */
  readonly isKeyNamed: boolean
  openAuthenticators(): AuthenticatorSource | Promise<AuthenticatorSource>
}

export interface CeremonyTools extends KeyTools {
  /** The server's, `https://accounts.example.org`. */
  readonly origin: string
}

const outOfTime = (isAsking: boolean) =>
  isAsking
    ? new CtapError('key_timeout', 'no security key was touched in time')
    : new CtapError('key_not_found', 'no security key was plugged in in time')

/**
 * Has the key that a person touches perform `ceremony`, whichever of those that are there or come it is. The prompt is
 * on the screen before any device is opened.
 * @param timeout of the whole ceremony, in milliseconds.
 * @throws {CtapError} why the keys refused; `key_not_found` when none was plugged in in time, `key_timeout` when none
 * was touched
 * @throws {CancelledError} on Ctrl-C; the keys have stopped blinking then
 */
export async function withTouchedKey<T>(tools: KeyTools, timeout: number, ceremony: Ceremony<T>): Promise<T> {
  const { interaction, clock, isKeyNamed, openAuthenticators } = tools
  const screen = new KeyScreen(interaction)
  const over = new AbortController()
  const limit = new AbortController()
  const signal = AbortSignal.any([interaction.signal, limit.signal])
  let source: AuthenticatorSource | undefined
  let watching: Promise<void> | undefined
  try {
    screen.show('plug_in')
    const deadline = clock.now() + timeout
    source = await openAuthenticators()
    if (interaction.signal.aborted) throw abortError(interaction.signal)
    const parts = { ceremony, source, interaction, clock, screen, signal, deadline, isNamed: isKeyNamed }
    const selection = new KeySelection(parts)
    const fail = (error: unknown) => selection.fail(error)
    interaction.signal.addEventListener('abort', () => fail(abortError(interaction.signal)), { signal: over.signal })
    clock.sleep(timeout, AbortSignal.any([over.signal, interaction.signal])).then(
      () => {
        const error = outOfTime(selection.isAsking)
        fail(error)
        limit.abort(error)
      },
      () => undefined,
    )
    watching = source.watch(selection, AbortSignal.any([signal, over.signal])).catch(fail)
    return await selection.outcome()
  } catch (error) {
    throw interaction.signal.aborted ? abortError(interaction.signal) : error
  } finally {
    over.abort()
    screen.hide()
    await watching
    await source?.close()
  }
}
