import type { Context } from '../../cli/context.ts'
import { type Authenticator, type AuthenticatorSource, CtapError } from '../../hid/index.ts'
import { equalBytes } from '../../lib/bytes.ts'
import { CommandError } from '../command-error.ts'
import { type Looking, lookUntil, openFresh, patience } from './look-until.ts'

type Tools = Looking & Pick<Context, 'terminal' | 'openAuthenticators'>

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
    const [again] = await openFresh(source, tools)
    if (!again) throw new CtapError('key_not_found', 'it was pulled out again', { device: key.name })
    if (again.name !== key.name || !equalBytes(again.info.aaguid, key.info.aaguid)) {
      throw new CommandError('key_other_plugged_in', { key: key.name, other: again.name })
    }
    await use(again)
  } finally {
    await source.close()
  }
}
