import stringWidth from 'string-width'
import { printable } from '../../lib/printable.ts'
import type { ConfigCheck } from './check.ts'

const titles: Readonly<Record<ConfigCheck['section'], string>> = {
  file: 'Mistakes',
  server: 'Server',
  email: 'Email',
  phone: 'Text messages',
  wechat: 'WeChat',
  notices: 'Notices',
  metrics: 'Metrics',
  warnings: 'To look at',
  live: 'Asked now',
}

const marks: Readonly<Record<ConfigCheck['state'], string>> = { ok: '✓', info: '·', warn: '!', fail: '✗' }

const columns = 80
const nameWidth = 11

/** `text` in lines of at most `width` columns, broken at blanks; a word that is longer stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && stringWidth(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

function lineOf({ name, state, words, fix, section }: ConfigCheck): string {
  const shown = section === 'warnings' ? '' : name.padEnd(nameWidth)
  const start = `  ${marks[state]} ${shown}`
  const indent = ' '.repeat(start.length)
  const lines = [words, ...fix].flatMap(text => wrap(printable(text), columns - start.length))
  return lines.map((line, index) => `${index === 0 ? start : indent}${line}`).join('\n')
}

/** The checks as people read them, a paragraph for each section, no line longer than 80 columns if words allow. */
export function reportOf(checks: readonly ConfigCheck[]): string {
  const sections = [...new Set(checks.map(({ section }) => section))]
  return sections
    .map(section => {
      const lines = checks.filter(each => each.section === section).map(lineOf)
      return `${titles[section]}\n${lines.join('\n')}\n`
    })
    .join('\n')
}
