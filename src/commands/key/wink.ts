import type { Context } from '../../cli/context.ts'
import { CommandError } from '../command-error.ts'
import { withKey } from './choose-key.ts'
import { keyMembers } from './describe.ts'

/** `hufu key wink [KEY]`: the key shows which one it is. */
export async function run(context: Context, { path }: { path: string | undefined }): Promise<void> {
  const { terminal } = context
  await withKey(context, path, async key => {
    if (!key.canWink) throw new CommandError('key_wink_unsupported', { key: key.name })
    await key.wink()
    terminal.say(`${terminal.paint('good', '✓')} ${terminal.t('keys.winked', { key: key.name })}`)
    terminal.result(keyMembers(key))
  })
}
