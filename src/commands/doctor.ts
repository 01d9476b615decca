import type { Context, Style, Terminal } from '../cli/context.ts'
import type { Check } from './check.ts'
import { CommandError } from './command-error.ts'

/** A part of this machine that is looked at; what it takes is loaded then. */
interface Section {
  readonly name: 'security_keys'
  check(context: Context): Promise<readonly Check[]>
}

const sections: readonly Section[] = [
  { name: 'security_keys', check: async context => (await import('./key/checks.ts')).checkKeys(context) },
]

const marks: Readonly<Record<Check['state'], readonly [mark: string, style: Style]>> = {
  ok: ['✓', 'good'],
  info: ['·', 'dim'],
  warn: ['!', 'strong'],
  fail: ['✗', 'bad'],
}

function sayCheck({ state, words, fix = [] }: Check, terminal: Terminal): void {
  const [mark, style] = marks[state]
  terminal.say(`  ${terminal.paint(style, mark)} ${words}`)
  for (const line of fix) terminal.sayWhole(`    ${line}`)
}

/** `hufu doctor`: what is wrong here, and the fix. */
export async function run(context: Context): Promise<void> {
  const { terminal } = context
  const { t, paint } = terminal
  const checks: (Check & { readonly section: Section['name'] })[] = []
  for (const { name: section, check } of sections) {
    terminal.say(paint('strong', t(`doctor.section.${section}`)))
    for (const each of await check(context)) {
      sayCheck(each, terminal)
      terminal.event('check', { section, ...each, fix: each.fix ?? [] })
      checks.push({ section, ...each, fix: each.fix ?? [] })
    }
  }
  const count = checks.filter(({ state }) => state === 'fail').length
  if (count > 0) throw new CommandError('doctor_found_faults', { count })
  terminal.result({ checks })
}
