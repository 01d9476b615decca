import { abortError } from '../../auth/errors.ts'
import type { Context } from '../../cli/context.ts'
import { type Authenticator, type AuthenticatorSource, CtapError, isCtapError } from '../../hid/index.ts'
import { CommandError } from '../command-error.ts'
import { aaguidText } from './describe.ts'

const pollPause = 100
/** How long a person has for each of the two: to unplug the key, and to plug it in. */
const patience = 60_000
/** After a key is plugged in, the system may take a moment to let it be opened. */
const settling = 3000

type Tools = Pick<Context, 'clock' | 'signal' | 'terminal' | 'openAuthenticators'>

const pause = ({ clock, signal }: Tools): Promise<void> =>
  clock.sleep(pollPause, signal).catch(error => {
    throw signal.aborted ? abortError(signal) : error
  })

/** Looks until `find` gives something; undefined when `milliseconds` have passed. */
async function lookUntil<T>(tools: Tools, milliseconds: number, find: () => Promise<T | undefined>) {
  const end = tools.clock.now() + milliseconds
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    if (tools.clock.now() >= end) return undefined
    await pause(tools)
  }
}

const pathsOf = async (usb: AuthenticatorSource): Promise<ReadonlySet<string>> =>
  new Set((await usb.present()).map(({ path }) => path))

/** Has the person unplug the key, and plug it in again. @returns where it is now */
async function awaitReplug(key: Authenticator, usb: AuthenticatorSource, tools: Tools): Promise<string> {
  const { terminal } = tools
  terminal.event('unplug', { key: key.name })
  const leaving = terminal.waiting(terminal.t('keys.unplug', { key: key.name }))
  const others = await lookUntil(tools, patience, async () => {
    const paths = await pathsOf(usb)
    return paths.has(key.path) ? undefined : paths
  }).finally(() => leaving.stop())
  if (!others) throw new CommandError('key_still_plugged_in', { key: key.name })
  terminal.event('plug_in', { key: key.name })
  const coming = terminal.waiting(terminal.t('keys.plug_in', { key: key.name }))
  const path = await lookUntil(tools, patience, async () => {
    return [...(await pathsOf(usb))].find(each => !others.has(each))
  }).finally(() => coming.stop())
  if (path === undefined) throw new CtapError('key_not_found', 'it was not plugged in again', { device: key.name })
  return path
}

/** Opens the key that has just been plugged in at `path`. */
async function openPluggedIn(source: AuthenticatorSource, path: string, tools: Tools): Promise<Authenticator> {
  let why: unknown = new CtapError('key_silent', 'it does not answer', { device: path })
  const key = await lookUntil(tools, settling, async () => {
    try {
      return (await source.list(tools.signal))[0]
    } catch (error) {
      if (!isCtapError(error, 'key_no_permission', 'key_unplugged', 'key_silent', 'key_busy')) throw error
      why = error
      return undefined
    }
  })
  if (!key) throw why
  return key
}

/**
 * Has the person unplug `key` and plug it in again, and gives it to `use` at once. It is closed afterwards.
 * @throws {CommandError} `key_still_plugged_in`; `key_other_plugged_in` when a key of another model came in its place
 * @throws {CtapError} `key_not_found` when none came
 */
export async function replugged(
  key: Authenticator,
  tools: Tools,
  use: (key: Authenticator) => Promise<void>,
): Promise<void> {
  await key.close()
  const usb = await tools.openAuthenticators(undefined)
  const path = await awaitReplug(key, usb, tools).finally(() => usb.close())
  const source = await tools.openAuthenticators(path)
  try {
    const again = await openPluggedIn(source, path, tools)
    if (again.name !== key.name || aaguidText(again.info.aaguid) !== aaguidText(key.info.aaguid)) {
      throw new CommandError('key_other_plugged_in', { key: key.name, other: again.name })
    }
    await use(again)
  } finally {
    await source.close()
  }
}
