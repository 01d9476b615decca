import { type KeyringAnswer, type KeyringRequest, keyringService } from './exchange.ts'
import type { KeyringFault } from './fault.ts'

type Binding = typeof import('@napi-rs/keyring')

/** Of Linux the Secret Service alone: the kernel’s own keyring, which the binding would take next, ends with the session. */
const store = { linux: { store: 'secret-service' } } as const

/** What the operating system’s own words mean; the binding has no codes. */
function faultOf(error: unknown): KeyringFault {
  const words = error instanceof Error ? error.message : ''
  if (/locked|dismissed|interaction is not allowed/i.test(words)) return 'locked'
  return /d-?bus|zbus|no .*storage/i.test(words) ? 'no_service' : 'failed'
}

/**
 * Looks without a window being opened, which only the Secret Service has a way for: all of hufu’s entries, or that they
 * are locked. `undefined`: locked.
 * @throws what the binding throws
 */
function look({ findCredentials }: Binding): readonly { account: string; password: string }[] | undefined {
  try {
    return findCredentials(keyringService)
  } catch (error) {
    if (faultOf(error) === 'locked') return undefined
    throw error
  }
}

function perform(binding: Binding, request: KeyringRequest, tell: (answer: KeyringAnswer) => void): string | null {
  const { account } = request
  if (process.platform === 'linux') {
    const found = look(binding)
    if (!found && !request.mayPrompt) throw new Error('locked')
    if (found && request.do === 'read') return found.find(each => each.account === account)?.password ?? null
  }
  if (request.do === 'look') return null
  tell({ state: 'alive' })
  const entry = new binding.Entry(keyringService, account, store)
  if (request.do === 'read') return entry.getPassword()
  if (request.do === 'write') entry.setPassword(request.secret)
  else entry.deletePassword()
  return null
}

/**
 * The program that talks to the keyring, in a process of its own: a call may block for as long as the keyring likes, and
 * a thread that is blocked would keep hufu from ending. Takes one request from stdin and writes its answers to stdout.
 */
export async function answerKeyring(stdin: NodeJS.ReadStream, stdout: NodeJS.WriteStream): Promise<void> {
  const tell = (answer: KeyringAnswer) => void stdout.write(`${JSON.stringify(answer)}\n`)
  let line = ''
  for await (const chunk of stdin.setEncoding('utf8')) line += chunk
  const request = JSON.parse(line) as KeyringRequest
  let binding: Binding
  try {
    binding = await import('@napi-rs/keyring')
  } catch {
    return tell({ state: 'fault', fault: 'missing' })
  }
  try {
    tell({ state: 'done', secret: perform(binding, request, tell) })
  } catch (error) {
    tell({ state: 'fault', fault: faultOf(error) })
  }
}
