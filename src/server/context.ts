import { type Clock, systemClock } from '../lib/clock.ts'
import { type Random, systemRandom } from '../lib/random.ts'

/** What the system gives a program. Read here and nowhere else. */
export interface SystemContext {
  readonly clock: Clock
  readonly random: Random
  readonly env: Readonly<Record<string, string | undefined>>
  stdout(text: string): void
  stderr(text: string): void
  /** For much: resolves when more may be written. @throws when whoever read it has gone */
  write(text: string): Promise<void>
  readonly stdin: AsyncIterable<Uint8Array>
  readonly stdoutIsTerminal: boolean
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly stop: AbortSignal
}

export function systemContext(): SystemContext {
  const stop = new AbortController()
  // Whoever read our output may go before its end, as `head` does.
  process.stdout.on('error', error => {
    if (!('code' in error) || error.code !== 'EPIPE') throw error
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(signal))
  return {
    clock: systemClock,
    random: systemRandom,
    env: process.env,
    stdout: text => process.stdout.write(text),
    stderr: text => process.stderr.write(text),
    write: text =>
      new Promise((resolve, reject) => process.stdout.write(text, error => (error ? reject(error) : resolve()))),
    stdin: process.stdin,
    stdoutIsTerminal: process.stdout.isTTY === true,
    stop: stop.signal,
  }
}
