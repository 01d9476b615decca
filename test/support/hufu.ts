import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { until } from './until.ts'

export const hufuExecutable = new URL('../../dist/hufu.cjs', import.meta.url).pathname
export const hufudExecutable = new URL('../../dist/hufud.cjs', import.meta.url).pathname

/** One line of `hufu --json`. */
export interface HufuEvent {
  readonly event: string
  readonly [member: string]: unknown
}

export interface HufuRun {
  readonly exitCode: number | undefined
  readonly events: readonly HufuEvent[]
  /** The names of the events, in their order. */
  readonly sequence: readonly string[]
  /** The last line: `result` or `error`. */
  readonly last: HufuEvent
  readonly stdout: string
  readonly stderr: string
}

export interface HufuOptions {
  /** `HOME`; a fresh folder when left out. */
  readonly home?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** What stands on stdin; nothing, and no terminal, when left out. */
  readonly input?: string | undefined
  /** After how many milliseconds it is ended; a minute when left out. */
  readonly timeout?: number
  /** The user and group to run as; those of the tests when left out. */
  readonly as?: { readonly uid: number; readonly gid: number } | undefined
}

export interface RunningHufu {
  readonly pid: number
  /** The first event of this name, as soon as it is there; `patience` is in milliseconds. */
  seen(name: string, patience?: number): Promise<HufuEvent>
  /** The events of this name that have come by now. */
  seenAll(name: string): HufuEvent[]
  /** All of stderr, as soon as the words are on it; `patience` is in milliseconds. */
  said(words: RegExp, patience?: number): Promise<string>
  kill(signal: NodeJS.Signals): void
  readonly finished: Promise<HufuRun>
}

export const freshHome = (): string => mkdtempSync(join(tmpdir(), 'hufu-home-'))

export function environment(home: string, env: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    LANG: 'C.UTF-8',
    HUFU_KEYRING: 'off',
    ...env,
  }
}

/** Every line of `text`. @throws {Error} for a line that is no event */
export function eventsIn(text: string): HufuEvent[] {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new Error(`the last line of stdout is not whole: ${text}`)
  return lines.map(line => {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null || !('event' in value) || typeof value.event !== 'string') {
      throw new Error(`no event: ${line}`)
    }
    return value as HufuEvent
  })
}

const isLast = ({ event }: HufuEvent) => event === 'result' || event === 'error'

/** Runs the built hufu with `--json --no-input`. Its stdout must be NDJSON with one last line, and nothing else. */
export function startHufu(args: readonly string[], options: HufuOptions = {}): RunningHufu {
  const child = execa(process.execPath, [hufuExecutable, ...args, '--json', '--no-input'], {
    env: environment(options.home ?? freshHome(), options.env),
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    timeout: options.timeout ?? 60_000,
    ...options.as,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const whole = () => eventsIn(stdout.slice(0, stdout.lastIndexOf('\n') + 1))
  let ended = false
  const finish = async (): Promise<HufuRun> => {
    const { exitCode } = await child
    ended = true
    const events = eventsIn(stdout)
    const last = events.at(-1)
    if (!last || events.findIndex(isLast) !== events.length - 1) {
      throw new Error(`no single last line: ${stdout}\n${stderr}`)
    }
    return { exitCode, events, sequence: events.map(({ event }) => event), last, stdout, stderr }
  }
  const finished = finish()
  finished.catch(() => {})
  const orEnd = <T>(found: T | undefined): T | undefined => {
    if (found === undefined && ended) throw new Error(`it ended before that:\n${stdout}${stderr}`)
    return found
  }
  return {
    pid: child.pid ?? 0,
    seen: (name, patience) =>
      until(`event ${name}`, () => orEnd(whole().find(({ event }) => event === name)), patience),
    seenAll: name => whole().filter(({ event }) => event === name),
    said: (words, patience) => until(`words ${words}`, () => orEnd(words.test(stderr) ? stderr : undefined), patience),
    kill: signal => void child.kill(signal),
    finished,
  }
}

/** Runs the built hufu with `--json --no-input` to its end. */
export const hufu = (args: readonly string[], options?: HufuOptions): Promise<HufuRun> =>
  startHufu(args, options).finished
