import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from '@lydell/node-pty'
import { Terminal as Screen } from '@xterm/headless'
import { environment, freshHome, hufuExecutable } from './hufu.ts'
import { until } from './until.ts'

const keys = {
  enter: '\r',
  up: '\u001b[A',
  down: '\u001b[B',
  backspace: '\u007f',
  'ctrl-c': '\u0003',
  'ctrl-d': '\u0004',
  'ctrl-\\': '\u001c',
} as const
export type Key = keyof typeof keys

export interface PtyOptions {
  /** `HOME`; a fresh folder when left out. */
  readonly home?: string
  readonly env?: Readonly<Record<string, string>>
  readonly columns?: number
  readonly rows?: number
}

/** What a command leaves behind on the terminal that it was run on. */
export interface PtyEnd {
  readonly exitCode: number
  readonly cursorVisible: boolean
  /** Whether lines are edited and echoed by the terminal again, as a shell found them. */
  readonly lineMode: boolean
}

/** The built hufu on a pseudo terminal, and the screen that a person sees. */
export interface Pty {
  readonly screenBuffer: Screen
  /**
   * Waits until `words` are on the screen, or in what has scrolled off it. Blanks and line ends in a text do not count,
   * because a sentence may be wrapped; a pattern is matched against the lines as they are.
   */
  waitFor(words: string | RegExp): Promise<string>
  /** The keyboard: these characters, as they are. */
  type(text: string): void
  press(...pressed: Key[]): void
  /** Types `text` and presses Enter. */
  enter(text: string): void
  /** The lines that are on the screen now, without blanks at their ends. */
  screen(): string[]
  /** All lines, those that have scrolled off the screen included. */
  text(): string
  /** Everything that was written to the terminal, escape sequences included. */
  written(): string
  /** Waits for the command's end. */
  end(): Promise<PtyEnd>
  exit(): Promise<number>
  /** Sends a signal to hufu, not to the shell around it. */
  signal(name: NodeJS.Signals): void
  /** Ends a command that a failed test has left running. */
  kill(): void
}

const squeezed = (text: string): string => text.replace(/\s+/g, '')

function linesOf({ buffer: { active } }: Screen, from: number): string[] {
  const lines: string[] = []
  for (let row = from; row < active.length; row++) lines.push(active.getLine(row)?.translateToString(true) ?? '')
  while (lines.at(-1) === '') lines.pop()
  return lines
}

/**
 * Starts the built hufu on a pseudo terminal of 80×24, unless told otherwise. A shell is around it, as with people:
 * it tells how hufu left the terminal.
 */
export function spawnTerminal(args: readonly string[], options: PtyOptions = {}): Pty {
  const { home = freshHome(), env = {}, columns: cols = 80, rows = 24 } = options
  const modesFile = join(home, 'terminal-modes')
  rmSync(modesFile, { force: true })
  const script = 'trap : INT QUIT; "$@"; code=$?; stty -a >"$TERMINAL_MODES"; exit $code'
  const child = spawn('/bin/sh', ['-c', script, 'sh', process.execPath, hufuExecutable, ...args], {
    name: 'xterm-256color',
    cols,
    rows,
    cwd: home,
    env: { ...environment(home, env), TERM: 'xterm-256color', TERMINAL_MODES: modesFile },
  })
  const screenBuffer = new Screen({ cols, rows, scrollback: 1000, allowProposedApi: true })
  let written = ''
  let drawing = 0
  child.onData(data => {
    written += data
    drawing++
    screenBuffer.write(data, () => drawing--)
  })
  // What a terminal answers when it is asked about itself.
  screenBuffer.onData(answer => child.write(answer))
  let exitCode: number | undefined
  child.onExit(end => {
    exitCode = end.exitCode
  })
  const text = () => linesOf(screenBuffer, 0).join('\n')
  const end = async (): Promise<PtyEnd> => {
    const code = await until('the end', () => (drawing === 0 ? exitCode : undefined)).catch(error => {
      throw new Error(`${error.message}; on the screen:\n${text()}`)
    })
    const cursor = written.match(/\u001b\[\?25[hl]/g)?.at(-1)
    const modes = readFileSync(modesFile, 'utf8').split(/[\s;]+/)
    return {
      exitCode: code,
      cursorVisible: cursor === undefined || cursor.endsWith('h'),
      lineMode: ['icanon', 'echo', 'isig', 'icrnl', 'opost'].every(mode => modes.includes(mode)),
    }
  }
  const type = (typed: string) => child.write(typed)
  return {
    screenBuffer,
    async waitFor(words) {
      const isThere = () => {
        const lines = text()
        return typeof words === 'string' ? squeezed(lines).includes(squeezed(words)) : words.test(lines)
      }
      return until(String(words), () => {
        if (isThere()) return text()
        if (exitCode !== undefined && drawing === 0) throw new Error(`ended with ${exitCode} before ${words}`)
        return undefined
      }).catch(error => {
        throw new Error(`${error.message}; on the screen:\n${text()}`)
      })
    },
    type,
    press: (...pressed) => {
      for (const key of pressed) type(keys[key])
    },
    enter: line => type(`${line}${keys.enter}`),
    screen: () => linesOf(screenBuffer, screenBuffer.buffer.active.baseY),
    text,
    written: () => written,
    end,
    exit: async () => (await end()).exitCode,
    signal: name => {
      const [hufu = ''] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ')
      process.kill(Number(hufu), name)
    },
    kill: () => {
      if (exitCode === undefined) child.kill('SIGKILL')
    },
  }
}
