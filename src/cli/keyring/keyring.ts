import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyringAnswer, KeyringRequest } from './exchange.ts'
import { KeyringError, type KeyringFault } from './fault.ts'

/** A keyring that answers does so in less than a tenth of this. */
const silenceMilliseconds = 3000

/** For a person to find the window and to type a password. */
const promptMilliseconds = 90_000

/** After this it is said that a window may wait for an answer. */
const hintMilliseconds = 1500

type Environment = Readonly<Record<string, string | undefined>>

export interface KeyringOptions {
  /** The built bin/hufu-keyring.ts. */
  readonly program: string
  readonly env: Environment
  readonly platform: NodeJS.Platform
  /** Whether a person is there, who may be asked by the keyring to unlock it. */
  readonly interactive: boolean
  readonly signal: AbortSignal
  /** Told when the keyring may be waiting for the person. */
  readonly onWaiting: () => void
}

/** What people call the keyring of a platform. */
export const keyringName = (platform: NodeJS.Platform): string => {
  if (platform === 'darwin') return 'Keychain'
  return platform === 'win32' ? 'Credential Manager' : 'Secret Service'
}

/** Whether there can be a keyring in this session at all, found out without asking anybody. */
export function mayHaveKeyring(env: Environment, platform: NodeJS.Platform): boolean {
  if (platform === 'darwin' || platform === 'win32') return true
  if (platform !== 'linux' && platform !== 'freebsd') return false
  if (env.DBUS_SESSION_BUS_ADDRESS) return true
  return Boolean(env.XDG_RUNTIME_DIR) && existsSync(join(env.XDG_RUNTIME_DIR ?? '', 'bus'))
}

/** Without the secrets that scripts supply, and without what would make another node of it. */
const withoutOurs = (env: Environment): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:HUFU|NODE)_/.test(name)))

const isAnswer = (value: unknown): value is KeyringAnswer =>
  typeof value === 'object' && value !== null && 'state' in value && typeof value.state === 'string'

/** `undefined` for what is no answer. */
function parseAnswer(line: string): KeyringAnswer | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isAnswer(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Calls `hear` for each answer of the program. */
function hearAnswers(child: ChildProcess, hear: (answer: KeyringAnswer) => void): void {
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      const answer = parseAnswer(line)
      if (answer) hear(answer)
    }
  })
}

/**
 * Has a program of its own ask the keyring, and ends it when that takes too long.
 * @returns the secret that was read; `undefined` where there is none, or none was asked for
 * @throws {KeyringError}; the reason of `signal`
 */
function ask(options: KeyringOptions, request: KeyringRequest): Promise<string | undefined> {
  const { program, env, signal, onWaiting } = options
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const child = spawn(process.execPath, [program], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: withoutOurs(env),
      windowsHide: true,
    })
    const timers = new Set<NodeJS.Timeout>()
    const settle = (settled: () => void) => {
      for (const timer of timers) clearTimeout(timer)
      signal.removeEventListener('abort', abandon)
      child.kill('SIGKILL')
      settled()
    }
    const fail = (fault: KeyringFault) => settle(() => reject(new KeyringError(fault)))
    const abandon = () => settle(() => reject(signal.reason))
    const silence = setTimeout(fail, silenceMilliseconds, 'silent')
    timers.add(silence)
    signal.addEventListener('abort', abandon)
    hearAnswers(child, answer => {
      if (answer.state === 'done') return settle(() => resolve(answer.secret ?? undefined))
      if (answer.state === 'fault') return fail(answer.fault)
      if (!request.mayPrompt) return
      clearTimeout(silence)
      timers.add(setTimeout(fail, promptMilliseconds, 'locked'))
      timers.add(setTimeout(onWaiting, hintMilliseconds))
    })
    child.once('error', () => fail('missing'))
    child.once('close', code => fail(code === null ? 'failed' : 'missing'))
    child.stdin.on('error', () => {}).end(JSON.stringify(request))
  })
}

/** The operating system’s keyring. Each call is bounded, and throws a `KeyringError` where it cannot be used. */
export interface Keyring {
  /** Whether it can be read now, without a window being opened. */
  look(): Promise<void>
  read(account: string): Promise<string | undefined>
  write(account: string, secret: string): Promise<void>
  remove(account: string): Promise<void>
}

export function openKeyring(options: KeyringOptions): Keyring {
  const { interactive: mayPrompt } = options
  const call = async (request: KeyringRequest) => {
    if (!mayHaveKeyring(options.env, options.platform)) throw new KeyringError('no_service')
    return ask(options, request)
  }
  return {
    async look() {
      await call({ do: 'look', account: '', mayPrompt: false })
    },
    read: account => call({ do: 'read', account, mayPrompt }),
    async write(account, secret) {
      await call({ do: 'write', account, secret, mayPrompt })
    },
    async remove(account) {
      await call({ do: 'remove', account, mayPrompt })
    },
  }
}
