import { spawn } from 'node:child_process'
import { abortError } from '../auth/errors.ts'
import type { CodeRequest } from '../auth/interaction.ts'
import { CommandError } from '../commands/command-error.ts'

/** Runs `--code-command` by the shell; what it prints, trimmed, is the code. Its stderr is the person's. */
export function runCodeCommand(
  command: string,
  request: CodeRequest,
  { env, signal }: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<string> {
  if (signal.aborted) return Promise.reject(abortError(signal))
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...env,
        HUFU_CODE_PURPOSE: request.purpose,
        HUFU_CODE_CHANNEL: request.channel,
        HUFU_CODE_DESTINATION: request.destination,
      },
    })
    const onAbort = () => {
      child.kill('SIGTERM')
      // What the shell has started may live on and hold the pipe: nothing waits for it.
      child.stdout.destroy()
      child.unref()
      const error = abortError(signal)
      const timedOut = 'code' in error && error.code === 'timed_out'
      reject(timedOut ? new CommandError('code_command_timeout', { command }) : error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    const failed = (status: string) => new CommandError('code_command_failed', { command, status })
    let printed = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (chunk: string) => {
      printed += chunk
    })
    child.once('error', error => reject(failed(error.message)))
    child.once('close', (status, killedBy) => {
      signal.removeEventListener('abort', onAbort)
      if (status !== 0) reject(failed(killedBy ?? String(status)))
      else resolve(printed.trim())
    })
  })
}
