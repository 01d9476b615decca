import { abortError } from '../../auth/errors.ts'
import type { Context } from '../../cli/context.ts'
import { type Authenticator, type AuthenticatorSource, CtapError, isCtapError } from '../../hid/index.ts'

export type Looking = Pick<Context, 'clock' | 'signal'>

const pollPause = 100
/** How long a person has to plug in or unplug a key. */
export const patience = 60_000
/** After a key is plugged in, the system may take a moment to let it be opened. */
const settling = 3000

/**
 * Looks until `find` gives something; undefined when `milliseconds` have passed.
 * @throws {CancelledError} on Ctrl-C
 */
export async function lookUntil<T>(
  { clock, signal }: Looking,
  milliseconds: number,
  find: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const end = clock.now() + milliseconds
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    if (clock.now() >= end) return undefined
    await clock.sleep(pollPause, signal).catch(error => {
      throw signal.aborted ? abortError(signal) : error
    })
  }
}

/** Opens the keys that have just been plugged in; at least one. @throws {CtapError} why none can be opened */
export async function openFresh(source: AuthenticatorSource, looking: Looking): Promise<readonly Authenticator[]> {
  let why: unknown = new CtapError('key_not_found', 'it was pulled out again')
  const keys = await lookUntil(looking, settling, async () => {
    try {
      const found = await source.list(looking.signal)
      return found.length > 0 ? found : undefined
    } catch (error) {
      if (!isCtapError(error, 'key_no_permission', 'key_silent', 'key_busy')) throw error
      why = error
      return undefined
    }
  })
  if (!keys) throw why
  return keys
}
