import { PassThrough } from 'node:stream'
import type { Terminal } from '../../src/cli/context.ts'
import { type Language, loadCatalogue } from '../../src/cli/messages/catalogue.ts'
import { createTerminal } from '../../src/cli/terminal/terminal.ts'

interface Screen {
  readonly terminal: Terminal
  stdout(): string
  stderr(): string
}

/** A real terminal object whose streams are recorded. */
export async function recordedTerminal(
  options: {
    json?: boolean
    language?: Language
    columns?: number
    rows?: number
    quiet?: boolean
    tty?: boolean
  } = {},
): Promise<Screen> {
  const { json = false, language = 'en', columns = 80, rows = 24, quiet = false, tty = false } = options
  const texts = { stdout: '', stderr: '' }
  const stream = (name: keyof typeof texts) => {
    const recorded = Object.assign(new PassThrough(), { columns, rows, isTTY: tty })
    recorded.setEncoding('utf8').on('data', (chunk: string) => {
      texts[name] += chunk
    })
    return recorded as unknown as NodeJS.WriteStream
  }
  const stdin = Object.assign(new PassThrough(), { isTTY: false }) as unknown as NodeJS.ReadStream
  const terminal = await createTerminal({
    system: { env: { LANG: 'C.UTF-8' }, stdin, stdout: stream('stdout'), stderr: stream('stderr'), platform: 'linux' },
    t: await loadCatalogue(language),
    json,
    input: true,
    quiet,
    color: 'never',
    signal: new AbortController().signal,
  })
  return { terminal, stdout: () => texts.stdout, stderr: () => texts.stderr }
}
