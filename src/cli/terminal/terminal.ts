import type { DrawnQr, SystemContext, Terminal } from '../context.ts'
import type { Translate } from '../messages/catalogue.ts'
import type { PromptOptions } from './prompts.ts'
import { layOutTable } from './table.ts'
import { prepareWidths, wrapIndented, wrapText } from './text-width.ts'
import { showWait } from './wait.ts'

export interface TerminalOptions {
  readonly system: Pick<SystemContext, 'env' | 'stdin' | 'stdout' | 'stderr' | 'platform'>
  readonly t: Translate
  readonly json: boolean
  /** Whether a person may be asked at all: false with `--no-input`. */
  readonly input: boolean
  readonly quiet: boolean
  readonly color: 'auto' | 'always' | 'never'
  readonly signal: AbortSignal
}

/** Whether colours are allowed (https://no-color.org): `always` and `never` decide, else a terminal without NO_COLOR. */
function allowsColour({ system, color }: TerminalOptions, stream: NodeJS.WriteStream): boolean {
  if (color !== 'auto') return color === 'always'
  return stream.isTTY === true && !system.env.NO_COLOR && system.env.TERM !== 'dumb'
}

// JSON escapes the C0 controls itself; a terminal obeys others, too.
const obeyed = /[\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** One line of NDJSON with nothing in it that moves a cursor. */
export const jsonLine = (members: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(members).replace(obeyed, escaped)

// ECMA-48: CUU, CR and ED.
const clearLinesAbove = (count: number): string => `\u001b[${count}A\r\u001b[J`

const noWait = { update() {}, stop() {} }

/** The screen and the keyboard of this run. What draws is loaded when it first draws. */
export async function createTerminal(options: TerminalOptions): Promise<Terminal> {
  const { system, t, json, quiet, signal } = options
  const { stdin, stdout, stderr } = system
  const words = json ? stderr : stdout
  const promptOutput = stdout.isTTY ? stdout : stderr
  const interactive = options.input && !json && stdin.isTTY === true && promptOutput.isTTY === true
  const colour = allowsColour(options, words)
  const paint = colour ? (await import('./paint.ts')).createPaint() : (_style: unknown, text: string) => text
  const columns = () => words.columns || 80
  const write = (text: string) => void words.write(`${text}\n`)
  /** Whole words on every line of a screen; elsewhere lines are as long as they are. */
  const writeOn = (stream: NodeJS.WriteStream, text: string) => {
    const lines = stream.isTTY ? text.split('\n').flatMap(each => wrapIndented(each, stream.columns || 80)) : [text]
    stream.write(`${lines.join('\n')}\n`)
  }
  const line = (members: Readonly<Record<string, unknown>>) => {
    if (json) stdout.write(`${jsonLine(members)}\n`)
  }

  let prompting: Promise<{ module: typeof import('./prompts.ts'); how: PromptOptions }> | undefined
  const prompts = () => {
    if (!interactive) throw new TypeError('a prompt where none may be shown')
    prompting ??= Promise.all([import('./prompts.ts'), import('./keyboard.ts')]).then(([module, { Keyboard }]) => ({
      module,
      how: { keyboard: new Keyboard(stdin), output: promptOutput, signal, t },
    }))
    return prompting
  }

  const until = (stop: AbortSignal | undefined, how: PromptOptions): PromptOptions =>
    stop ? { ...how, signal: AbortSignal.any([signal, stop]) } : how

  async function showQr(payload: string, beside: readonly string[], over?: DrawnQr): Promise<DrawnQr> {
    const { drawQr, isUtf8, layOutQr, placeText } = await import('./qr.ts')
    const text = beside.length === 0 ? [] : [...beside, t('qr.payload', { payload })]
    await prepareWidths(text)
    if (!words.isTTY || !isUtf8(system.env, system.platform)) {
      for (const each of [t('qr.no_terminal'), ...text]) write(each)
      return { rows: 0, columns: columns() }
    }
    const picture = await drawQr(payload)
    const rows = words.rows || 24
    const wrapped = beside.flatMap(each => wrapText(each, columns()))
    const place = placeText(picture, wrapped.length, columns(), rows)
    if (place === 'none') {
      const needed = { columns: picture.columns, rows: picture.lines.length + 1 }
      for (const each of [t('qr.too_small', needed), ...text]) for (const part of wrapText(each, columns())) write(part)
      return { rows: 0, columns: columns() }
    }
    const lines = layOutQr(picture, beside, place, { colour, columns: columns(), wrap: wrapText })
    // On a screen that was made wider or narrower, lines no longer stand where they were written.
    if (over && over.rows > 0 && over.columns === columns()) words.write(clearLinesAbove(over.rows))
    write(lines.join('\n'))
    // Without a person there, the words that follow stay under it.
    return { rows: interactive ? lines.length : 0, columns: columns() }
  }

  // The stream itself forgets: node keeps the standard streams open whatever happens to them.
  let isHeard = true
  stdout.once('error', () => {
    isHeard = false
  })

  return {
    interactive,
    json,
    get columns() {
      return columns()
    },
    get rows() {
      return words.rows || 24
    },
    get isHeard() {
      return isHeard
    },
    t,
    paint,
    say: text => writeOn(words, text),
    sayWhole: write,
    note: text => {
      if (!quiet) writeOn(words, text)
    },
    aside: text => {
      if (!quiet) writeOn(stderr, text)
    },
    warn: text => writeOn(stderr, text),
    warnWhole: text => void stderr.write(`${text}\n`),
    async table(titles, rows) {
      await prepareWidths([...titles, ...rows.flatMap(row => row.map(cell => cell.text))])
      write(layOutTable(titles, rows, columns(), paint).join('\n'))
    },
    event: (name, members) => line({ event: name, ...members }),
    result: members => line({ event: 'result', ok: true, ...members }),
    qr: showQr,
    select: async (question, choices, preselected) => {
      const { module, how } = await prompts()
      return module.askChoice(question, choices, preselected, how)
    },
    text: async (question, { stop, ...given } = {}) => {
      const { module, how } = await prompts()
      return module.askText(question, given, until(stop, how))
    },
    secret: async (question, stop) => {
      const { module, how } = await prompts()
      return module.askSecret(question, until(stop, how))
    },
    confirm: async (question, preselected) => {
      const { module, how } = await prompts()
      return module.askYesNo(question, preselected, how)
    },
    isProgressLive: stderr.isTTY === true && !quiet && !json,
    progress(text) {
      if (quiet || json) return noWait
      if (stderr.isTTY) return showWait(text, stderr)
      const line = (words: string) => void stderr.write(`${words}\n`)
      line(text)
      return { update: line, stop() {} }
    },
    waiting(text) {
      if (quiet) return noWait
      if (interactive) return showWait(text, promptOutput)
      writeOn(words, text)
      return noWait
    },
  }
}
