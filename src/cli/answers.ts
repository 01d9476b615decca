import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { CommandError } from '../commands/command-error.ts'
import type { Answers } from './context.ts'

export interface AnswerOptions {
  readonly passwordFile?: string | undefined
  readonly newPasswordFile?: string | undefined
  readonly codeFile?: string | undefined
  readonly pinFile?: string | undefined
  readonly newPinFile?: string | undefined
  readonly codeCommand?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  /** Told when others on this machine can read a file of secrets. */
  readonly onReadable: (file: string) => void
}

/** Gives the next line; `undefined` after the last. */
export type Lines = () => string | undefined

function readDescriptor(descriptor: number, onMode?: (mode: number) => void): string {
  const status = fstatSync(descriptor)
  if (status.isFile()) onMode?.(status.mode)
  return readFileSync(descriptor, 'utf8')
}

/** Where stdin does not block, nothing may be there yet: the wait for it must not keep a core busy. */
const nothingYet = new Int32Array(new SharedArrayBuffer(4))
const pauseMilliseconds = 20

/** One line of stdin, and not a byte more: what follows is for the next reader, in this process or another. */
function readLine(descriptor: number): string | undefined {
  const byte = Buffer.alloc(1)
  const bytes: number[] = []
  for (;;) {
    let read = 0
    try {
      read = readSync(descriptor, byte, 0, 1, null)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') {
        Atomics.wait(nothingYet, 0, 0, pauseMilliseconds)
        continue
      }
      if (error instanceof Error && 'code' in error && error.code === 'EOF') return undefined
      throw error
    }
    if (read === 0) break
    if (byte[0] === 0x0a) return Buffer.from(bytes).toString('utf8').replace(/\r$/, '')
    bytes.push(byte[0] ?? 0)
  }
  return bytes.length > 0 ? Buffer.from(bytes).toString('utf8').replace(/\r$/, '') : undefined
}

/** The lines of a file, or of stdin for `-`; several `-` read successive lines. @throws {CommandError} */
export function linesOf(file: string, onReadable: (file: string) => void): Lines {
  if (file === '-') return () => readLine(0)
  let lines: string[] | undefined
  return () => {
    if (!lines) {
      let descriptor: number | undefined
      try {
        descriptor = openSync(file, 'r')
        const text = readDescriptor(descriptor, mode => {
          if ((mode & 0o077) !== 0 && process.platform !== 'win32') onReadable(file)
        })
        lines = text.replace(/\r?\n$/, '').split(/\r?\n/)
        if (text === '') lines = []
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        throw new CommandError('input_unreadable', { source: file, reason }, { cause: error })
      } finally {
        if (descriptor !== undefined) closeSync(descriptor)
      }
    }
    return lines.shift()
  }
}

/**
 * What a script supplies. For each value the first of these counts: the file that its option names, its environment
 * variable, and for a code `--code-command`. A code is used once, so that a command that needs two takes the next line
 * of the file, then HUFU_CODE, then the command. A password stays what it is.
 */
export function scriptedAnswers(options: AnswerOptions): Answers {
  const { env, onReadable } = options
  const fileOr = (file: string | undefined, variable: string | undefined) => {
    const lines = file === undefined ? undefined : linesOf(file, onReadable)
    let known: string | undefined
    return async () => {
      known ??= (lines ? lines() : undefined) ?? (variable || undefined)
      return known
    }
  }
  const codes = options.codeFile === undefined ? undefined : linesOf(options.codeFile, onReadable)
  let codeOfEnvironment = env.HUFU_CODE || undefined
  const nextCode = async (): Promise<string | undefined> => {
    const code = codes?.()?.trim() || codeOfEnvironment
    if (code === codeOfEnvironment) codeOfEnvironment = undefined
    return code
  }
  return {
    username: async () => undefined,
    password: fileOr(options.passwordFile, env.HUFU_PASSWORD),
    newPassword: fileOr(options.newPasswordFile, env.HUFU_NEW_PASSWORD),
    pin: fileOr(options.pinFile, env.HUFU_PIN),
    newPin: fileOr(options.newPinFile, env.HUFU_NEW_PIN),
    async code(request, stop) {
      const code = await nextCode()
      if (code !== undefined || options.codeCommand === undefined) return code
      const { runCodeCommand } = await import('./code-command.ts')
      const signal = stop ? AbortSignal.any([options.signal, stop]) : options.signal
      return runCodeCommand(options.codeCommand, request, { env: options.env, signal })
    },
    recoveryCode: nextCode,
  }
}

const tokenForm = /^hufu_[A-Za-z0-9_-]{43}$/

/**
 * The service token that a script gives: the first line of the file that `--token-file` names, else HUFU_TOKEN.
 * @param expected what it has to look like, in the person's words
 * @throws {CommandError} `input_unreadable`; `input_malformed` for what is no token, without repeating it: nothing else
 * that stands there by mistake is to be sent to a server
 */
export function serviceToken(
  file: string | undefined,
  env: AnswerOptions['env'],
  onReadable: AnswerOptions['onReadable'],
  expected: string,
): string | undefined {
  const text = file === undefined ? env.HUFU_TOKEN || undefined : (linesOf(file, onReadable)() ?? '')
  if (text === undefined) return undefined
  const token = text.trim()
  if (!tokenForm.test(token)) throw new CommandError('input_malformed', { source: file ?? 'HUFU_TOKEN', expected })
  return token
}
