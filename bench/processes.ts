import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A path from the root of the repository. The bundle lies in a folder below it. */
export const fromRoot = (path: string): string => new URL(`../${path}`, import.meta.url).pathname
const program = (name: string): string => new URL(`programs/${name}.mjs`, import.meta.url).pathname

type Environment = Readonly<Record<string, string>>

/** The environment as it is, for both sides of a ratio, without what would configure hufu. */
const environment = (extra: Environment): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(HUFU|XDG_|LC_|NO_COLOR)/.test(name))),
  ...extra,
})
const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    else child.once('exit', code => resolve(code))
  })

/** Runs node. `succeeded` rejects with what it said when it fails. */
export function spawnNode(args: readonly string[], env: Environment = {}, input?: string) {
  const child = spawn(process.execPath, args, {
    env: environment(env),
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  child.stdin?.end(input)
  let said = ''
  child.stdout?.on('data', chunk => {
    said += String(chunk)
  })
  child.stderr?.on('data', chunk => {
    said += String(chunk)
  })
  const succeeded = ended(child).then(code => {
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${said}`)
  })
  return { child, succeeded }
}

/** Wall time in milliseconds of one run of node, from spawn to exit. Throws when it fails. */
export async function timeOfRun(args: readonly string[], env: Environment = {}, input?: string): Promise<number> {
  const start = performance.now()
  await spawnNode(args, env, input).succeeded
  return performance.now() - start
}

/** A server that runs until it is stopped. */
export interface Server {
  readonly pid: number
  /** From spawn to the line that it writes when it is ready. */
  readonly readyAfter: number
  /** That line. */
  readonly listening: Readonly<Record<string, unknown>>
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
}

/** Starts a program that writes one JSON line on stdout once it is ready. */
export async function startServer(args: readonly string[], env: Environment = {}): Promise<Server> {
  const start = performance.now()
  const child = spawn(process.execPath, args, { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', chunk => {
    said = (said + String(chunk)).slice(-4000)
  })
  const line = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', chunk => {
      text += String(chunk)
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
    })
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`${args.join(' ')} ended with ${code}: ${said}`)))
  })
  const readyAfter = performance.now() - start
  return {
    pid: child.pid ?? 0,
    readyAfter,
    listening: JSON.parse(line),
    async stop() {
      child.kill('SIGTERM')
      await ended(child)
    },
    async kill() {
      child.kill('SIGKILL')
      await ended(child)
    },
  }
}

export const hufu = fromRoot('dist/hufu.cjs')
const hufud = fromRoot('dist/hufud.cjs')

export const startHufud = (args: readonly string[], env: Environment = {}): Promise<Server> =>
  startServer([hufud, 'serve', '--json', ...args], env)

export const startProgram = (name: string, args: readonly string[] = []): Promise<Server> =>
  startServer([program(name), ...args])

/** A process of its own that answers one message at a time. */
export function startWorker<Question extends object>(name: string) {
  const child = fork(program(name), { env: environment({}), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return {
    ask: (question: Question): Promise<number> =>
      new Promise((resolve, reject) => {
        child.once('message', answer => resolve(Number(answer)))
        child.once('exit', code => reject(new Error(`${name} ended with ${code}`)))
        child.send(question)
      }),
    async stop() {
      child.disconnect()
      await ended(child)
    },
  }
}

/** Resident memory of a process in MB (10^6 bytes). */
export function residentMegabytes(pid: number): number {
  try {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    if (kilobytes) return (Number(kilobytes) * 1024) / 1e6
  } catch {
    // No /proc on this system.
  }
  return (Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])) * 1024) / 1e6
}

/** The highest resident memory of a process so far, in MB (10^6 bytes); `undefined` where that can't be told. */
export function peakMegabytes(pid: number): number | undefined {
  try {
    const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? undefined : (Number(kilobytes) * 1024) / 1e6
  } catch {
    return undefined
  }
}

/** Of Linux's figures, on every machine: `USER_HZ`. */
const ticksPerSecond = 100

/** Processor time that a process has taken, in all its threads, in milliseconds; `undefined` where there is no /proc. */
export function processorMilliseconds(pid: number): number | undefined {
  try {
    // The name before the last bracket may have spaces in it. utime and stime are fields 14 and 15.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond
  } catch {
    return undefined
  }
}
