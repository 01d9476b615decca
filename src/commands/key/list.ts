import type { Cell, Context, Terminal } from '../../cli/context.ts'
import { keyMembers, pinState, protocolName } from './describe.ts'
import { type PluggedIn, withEveryKey } from './plugged-in.ts'
import { udevCommands } from './udev.ts'
import { whatNext, whyUnusable } from './words.ts'

function rowOf(each: PluggedIn, { t }: Terminal): Cell[] {
  const place: Cell[] = [
    { text: each.name, style: 'strong' },
    { text: each.path, style: 'command' },
  ]
  if ('error' in each) return [...place, { text: t('keys.unusable'), style: 'bad' }, { text: '' }]
  const pin = pinState(each.key.info)
  const style = pin === 'set' ? 'good' : 'dim'
  return [...place, { text: protocolName(each.key) }, { text: t(`keys.pin.${pin}`), style }]
}

const membersOf = (each: PluggedIn) =>
  'key' in each
    ? { ...keyMembers(each.key), usable: true }
    : {
        path: each.path,
        name: each.name,
        usable: false,
        error: each.error.code,
        udev_rule: each.error.details.udevRule ?? null,
      }

/** Why some can't be used, and once what lets them be opened. */
function sayUnusable(keys: readonly PluggedIn[], terminal: Terminal): void {
  const { t } = terminal
  const unusable = keys.flatMap(each => ('error' in each ? [each] : []))
  for (const { name, error } of unusable) {
    const mark = terminal.paint('bad', '✗')
    const next = error.details.udevRule === undefined ? `\n  ${whatNext(error, t)}` : ''
    terminal.say(`\n${mark} ${t('keys.why', { key: name, reason: whyUnusable(error, t) })}${next}`)
  }
  const rules = unusable.flatMap(({ error }) => error.details.udevRule ?? [])
  if (rules.length === 0) return
  terminal.say(`\n${t('next.key_no_permission')}\n`)
  for (const line of udevCommands(rules)) terminal.sayWhole(line)
}

/** `hufu key list`: the security keys that are plugged in, those that can't be opened included. */
export async function run(context: Context): Promise<void> {
  const { terminal } = context
  const { t } = terminal
  await withEveryKey(context, async keys => {
    if (keys.length === 0) terminal.say(t('keys.none'))
    else {
      const titles = [t('keys.name'), t('keys.path'), t('keys.protocol'), t('keys.pin')]
      await terminal.table(
        titles,
        keys.map(each => rowOf(each, terminal)),
      )
    }
    sayUnusable(keys, terminal)
    terminal.result({ keys: keys.map(membersOf) })
  })
}
