import type { Context } from '../../cli/context.ts'
import { type Authenticator, isCtapError } from '../../hid/index.ts'
import { CommandError } from '../command-error.ts'
import { withKey } from './choose-key.ts'
import { replugged } from './replug.ts'

/** Has the person touch the key, which erases it. */
async function erase(key: Authenticator, { terminal, signal }: Context): Promise<void> {
  let takeAway = () => {}
  const onTouchNeeded = () => {
    terminal.event('touch', { key: key.name })
    const waiting = terminal.waiting(terminal.t('keys.touch_to_erase', { key: key.name }))
    takeAway = () => waiting.stop()
  }
  try {
    await key.reset({ signal, onTouchNeeded })
  } catch (error) {
    if (isCtapError(error, 'key_not_allowed')) throw new CommandError('key_reset_late', {}, { cause: error })
    if (isCtapError(error, 'key_unsupported')) {
      throw new CommandError('key_reset_unsupported', { key: key.name }, { cause: error })
    }
    throw error
  } finally {
    takeAway()
  }
}

/**
 * `hufu key reset [KEY] [--confirm reset]`: erases a key. Keys take that within 10 s of being plugged in (CTAP 2.1
 * section 6.6), so it is unplugged and plugged in again first; one in software can't be.
 */
export async function run(
  context: Context,
  { path, confirm }: { path: string | undefined; confirm: string | undefined },
): Promise<void> {
  const { terminal, input } = context
  const { t } = terminal
  await withKey(context, path, async key => {
    if (key.protocol === 'u2f') throw new CommandError('key_reset_unsupported', { key: key.name })
    terminal.warn(t('keys.reset_warning', { key: key.name }))
    await input.confirmation('reset', t('ask.reset', { key: key.name, word: 'reset' }), confirm)
    const finish = async (fresh: Authenticator) => {
      await erase(fresh, context)
      terminal.say(`${terminal.paint('good', '✓')} ${t('keys.was_reset', { key: fresh.name })}`)
      terminal.result({ path: fresh.path, name: fresh.name })
    }
    await (key.path.startsWith('udp:') ? finish(key) : replugged(key, context, finish))
  })
}
