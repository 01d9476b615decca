import { abortError, InputRequiredError } from '../../auth/errors.ts'
import type { Context } from '../../cli/context.ts'
import { type Authenticator, type AuthenticatorSource, CtapError, isCtapError } from '../../hid/index.ts'
import { keyAt } from './words.ts'

/** What a person did at a key that blinked: no other is waited for after these. */
const decisive = ['key_denied', 'key_timeout', 'key_cancelled'] as const

/** Has all keys blink; the touched one is meant, the others stop. */
async function touched(keys: readonly Authenticator[], { terminal, signal }: Context): Promise<Authenticator> {
  const decided = new AbortController()
  const waiting = terminal.waiting(terminal.t('keys.choose'))
  const refusals: unknown[] = []
  let chosen: Authenticator | undefined
  let failure: unknown
  await Promise.all(
    keys.map(async key => {
      try {
        await key.select({ signal: AbortSignal.any([signal, decided.signal]) })
        chosen ??= key
        decided.abort()
      } catch (error) {
        refusals.push(error)
        if (decided.signal.aborted || (isCtapError(error) && !isCtapError(error, ...decisive))) return
        failure ??= error
        decided.abort()
      }
    }),
  )
  waiting.stop()
  if (signal.aborted) throw abortError(signal)
  if (!chosen) throw failure ?? refusals[0]
  terminal.note(terminal.t('keys.chosen', { key: keyAt(chosen, terminal.t) }))
  return chosen
}

/** Opens the keys that may be meant; a person is given time to plug one in. */
async function candidates(source: AuthenticatorSource, { terminal, signal }: Context): Promise<Authenticator[]> {
  if (!terminal.interactive) return source.list(signal)
  let takeAway = () => {}
  const onWaiting = () => {
    const waiting = terminal.waiting(terminal.t('keys.plug_in_any'))
    takeAway = () => waiting.stop()
  }
  try {
    return await source.wait({ signal, onWaiting })
  } finally {
    takeAway()
  }
}

/**
 * Uses the key at `path`, or that `--device` names, or the only one that is plugged in; of several, the one that the
 * person touches. It is closed afterwards.
 * @throws {InputRequiredError} when there are several and nobody to touch one
 * @throws {CtapError} `key_not_found` and why keys can't be opened
 */
export async function withKey<T>(
  context: Context,
  path: string | undefined,
  use: (key: Authenticator) => Promise<T>,
): Promise<T> {
  const source = await context.openAuthenticators(path ?? context.device)
  try {
    const keys = await candidates(source, context)
    const [first, ...others] = keys
    if (!first) throw new CtapError('key_not_found', 'no security key is plugged in')
    if (others.length === 0) return await use(first)
    if (!context.terminal.interactive) {
      const options = keys.map(key => `--device ${key.path}`)
      throw new InputRequiredError('plugged_in_key', options)
    }
    const key = await touched(keys, context)
    await Promise.all(keys.filter(each => each !== key).map(each => each.close()))
    return await use(key)
  } finally {
    await source.close()
  }
}
