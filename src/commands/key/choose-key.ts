import { abortError, InputRequiredError } from '../../auth/errors.ts'
import { untilTouched } from '../../auth/webauthn/until-touched.ts'
import type { Context } from '../../cli/context.ts'
import { type Authenticator, type AuthenticatorSource, CtapError, isCtapError } from '../../hid/index.ts'
import { lookUntil, openFresh, patience } from './look-until.ts'
import { keyAt } from './words.ts'

/** What a person did at a key that blinked: no other is waited for after these. */
const decisive = ['key_denied', 'key_cancelled'] as const
/** How long a person has to touch a key, in milliseconds. */
const touchPatience = 120_000

/** Has all keys blink; the touched one is meant, the others stop. */
async function touched(keys: readonly Authenticator[], { terminal, signal, clock }: Context): Promise<Authenticator> {
  const decided = new AbortController()
  const deadline = clock.now() + touchPatience
  const waiting = terminal.waiting(terminal.t('keys.choose'))
  const refusals: unknown[] = []
  let chosen: Authenticator | undefined
  let failure: unknown
  await Promise.all(
    keys.map(async key => {
      try {
        const options = { signal: AbortSignal.any([signal, decided.signal]) }
        await untilTouched(clock, deadline, () => key.select(options))
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

/** Opens the keys that may be meant. A person is given time to plug one in, unless `device` says where it is. */
async function candidates(
  source: AuthenticatorSource,
  device: string | undefined,
  { terminal, signal, clock }: Context,
): Promise<readonly Authenticator[]> {
  const keys = await source.list(signal)
  if (keys.length > 0 || device !== undefined || !terminal.interactive) return keys
  const waiting = terminal.waiting(terminal.t('keys.plug_in_any'))
  const looking = { clock, signal }
  const arrival = async () => (await source.present()).length > 0 || undefined
  try {
    return (await lookUntil(looking, patience, arrival)) ? await openFresh(source, looking) : []
  } finally {
    waiting.stop()
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
  const device = path ?? context.device
  const source = await context.openAuthenticators(device)
  try {
    const keys = await candidates(source, device, context)
    const [first, ...others] = keys
    if (!first) throw new CtapError('key_not_found', 'no security key', device === undefined ? {} : { device })
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
