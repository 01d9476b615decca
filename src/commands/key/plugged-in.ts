import type { Context } from '../../cli/context.ts'
import { type Authenticator, CtapError, isCtapError } from '../../hid/index.ts'

/** A key that is plugged in: open, or why it can't be. */
export type PluggedIn =
  | { readonly path: string; readonly name: string; readonly key: Authenticator }
  | { readonly path: string; readonly name: string; readonly error: CtapError }

/**
 * Opens every key that is plugged in, or the one that `--device` names, each by itself, so that one that can't be
 * opened hides no other. `look` sees them while they are open; they are closed when it is done.
 * @throws {CtapError} `key_not_found` when `--device` names one that is not there; `key_hid_unavailable`
 */
export async function withEveryKey<T>(
  { openAuthenticators, device, signal }: Pick<Context, 'openAuthenticators' | 'device' | 'signal'>,
  look: (keys: readonly PluggedIn[]) => Promise<T>,
): Promise<T> {
  const usual = await openAuthenticators(device)
  const sources = [usual]
  try {
    const places = await usual.present()
    if (device !== undefined && places.length === 0) {
      throw new CtapError('key_not_found', `no security key at ${device}`, { device })
    }
    const keys = await Promise.all(
      places.map(async (place): Promise<PluggedIn> => {
        const source = await openAuthenticators(place.path)
        sources.push(source)
        try {
          const [key] = await source.list()
          if (key) return { ...place, name: key.name, key }
          return { ...place, error: new CtapError('key_silent', 'it does not answer', { device: place.name }) }
        } catch (error) {
          if (!isCtapError(error) || signal.aborted) throw error
          return { ...place, error }
        }
      }),
    )
    return await look(keys)
  } finally {
    await Promise.all(sources.map(source => source.close()))
  }
}
