import { type ChildProcess, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { CommandError } from '../../commands/command-error.ts'
import type { SystemContext } from '../context.ts'

/** The first line of `hufud serve --ephemeral --json`. */
export interface Listening {
  readonly url: string
  readonly account: { readonly username: string; readonly password: string }
  readonly outbox: string
  readonly wechat_scan: string
  readonly security_key: string
}

const startPatience = 60_000
const endPatience = 5_000

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

function isListening(value: unknown): value is Listening {
  if (!isRecord(value) || value.event !== 'listening' || !isRecord(value.account)) return false
  const { account } = value
  const texts = [value.url, value.outbox, value.wechat_scan, value.security_key, account.username, account.password]
  return texts.every(text => typeof text === 'string')
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Ends a child for certain: SIGTERM, then SIGKILL to the same process. Resolves when it is gone. */
function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve()
  return new Promise(resolve => {
    const timer = setTimeout(() => child.kill('SIGKILL'), endPatience)
    child.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}

export interface ServerProcess {
  readonly listening: Listening
  stop(): Promise<void>
}

/**
 * Starts `hufud serve --ephemeral --json`, the sibling of the running program, and waits until it listens.
 * @throws {CommandError} `demo_server_failed` when it does not come up; the reason of `signal` when that aborts
 */
export async function startServerProcess(
  { env, executable, platform }: SystemContext,
  signal: AbortSignal,
): Promise<ServerProcess> {
  signal.throwIfAborted()
  const hufud = join(dirname(executable), 'hufud.cjs')
  const child = spawn(process.execPath, [hufud, 'serve', '--ephemeral', '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a process group of its own, Ctrl-C reaches only us, and we end it when we are done with it.
    detached: platform !== 'win32',
  })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint = (complaint + chunk).slice(-2000)
  })
  const lastResort = () => child.kill('SIGKILL')
  process.once('exit', lastResort)
  const stop = async () => {
    await end(child)
    process.removeListener('exit', lastResort)
  }
  const failed = (reason: string) => new CommandError('demo_server_failed', { reason })
  const lines = createInterface({ input: child.stdout })
  try {
    const listening = await new Promise<Listening>((resolve, reject) => {
      const onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      const timer = setTimeout(() => reject(failed(`nothing within ${startPatience / 1000} s`)), startPatience)
      const settled = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      }
      lines.on('line', line => {
        const message = parse(line)
        if (!isListening(message)) return
        settled()
        resolve(message)
      })
      child.once('error', error => {
        settled()
        reject(failed(error.message))
      })
      child.once('close', code => {
        settled()
        reject(failed(complaint.trim().split('\n').at(-1) || `it ended with ${code}`))
      })
    })
    return { listening, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
