import type { Context, Terminal } from '../../cli/context.ts'
import { timeOf, wallTime } from '../../lib/clock.ts'
import { printable } from '../../lib/printable.ts'
import { intoSecretFile } from './secret-file.ts'

type MessageKey = Parameters<Terminal['t']>[0]

interface PasswordLink {
  readonly username: string
  readonly link_secret: string
  readonly expires_at: string
}

/** `file` as a shell takes it for one word. */
const quoted = (file: string): string => (/^[\w./:@%+,=-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`)

/**
 * Has `make` come by a one-time link, and hands it over: on the screen as a QR code and as text, or in the file
 * `output`, with the command that its owner runs, and until when.
 * @param words what was done, with `{{username}}` and `{{time}}`: of a link that follows, and of one in `{{file}}`
 */
export async function handOver(
  { terminal, api }: Context,
  { output, words }: { output: string | undefined; words: { shown: MessageKey; filed: MessageKey } },
  make: () => Promise<PasswordLink>,
): Promise<void> {
  const { t } = terminal
  const linkOf = ({ link_secret }: PasswordLink) => `${api.origin}/enrol#${link_secret}`
  const made = output === undefined ? await make() : await intoSecretFile(output, make, linkOf)
  const { username, expires_at } = made
  const link = linkOf(made)
  const time = wallTime(timeOf(expires_at))
  const command = `hufu passwd --server ${api.origin} --link-file ${output === undefined ? 'FILE' : quoted(output)}`
  const said =
    output === undefined ? t(words.shown, { username, time }) : t(words.filed, { username, time, file: output })
  terminal.say(`${terminal.paint('good', '✓')} ${said}`)
  // Whoever reads JSON has the link there; a record of stderr should not have it, too.
  const isShown = output === undefined && !terminal.json
  if (isShown) terminal.sayWhole(`\n${printable(link)}\n`)
  terminal.say(t(output === undefined ? 'admin.link.how' : 'admin.link.how_filed'))
  terminal.sayWhole(`  ${terminal.paint('command', printable(command))}`)
  if (isShown) await terminal.qr(link, [])
  terminal.result({ username, ...(output === undefined ? { link } : { file: output }), expires_at })
}
