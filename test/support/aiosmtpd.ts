import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/server/free-port.ts'
import type { TlsCertificate } from './tls-certificate.ts'
import { until } from './until.ts'

/** A mail as Python's email package reads it, under its strict current policy. */
export interface PythonMail {
  readonly raw: Buffer
  /** Decoded, by names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** What the parser found wrong with it. */
  readonly defects: readonly string[]
  readonly type: string
  readonly parts: readonly { readonly type: string; readonly charset: string; readonly text: string }[]
}

export interface Aiosmtpd {
  readonly port: number
  /** Waits for `count` mails. They come in no order. */
  mails(count: number): Promise<PythonMail[]>
  close(): Promise<void>
}

const runs = (interpreter: string): boolean => {
  try {
    execFileSync(interpreter, ['-c', 'import aiosmtpd'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A Python that can import aiosmtpd (Debian: python3-aiosmtpd), which need not be the first on PATH. */
export const pythonWithAiosmtpd: string | undefined = ['python3', '/usr/bin/python3', '/usr/local/bin/python3'].find(
  runs,
)

/**
 * For `describe.skipIf`: whether its tests have to be left out for want of aiosmtpd, which is said. Where CI is `true`
 * they run, and fail.
 */
export function lacksAiosmtpd(): boolean {
  if (pythonWithAiosmtpd !== undefined || process.env.CI === 'true') return false
  console.warn('Skipped: no python3 can import aiosmtpd. On Debian: apt-get install python3-aiosmtpd')
  return true
}

const readMail = `
import email, email.policy, json, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
def defects(part):
    found = [repr(d) for d in part.defects]
    for value in part.values():
        found += [repr(d) for d in getattr(value, 'defects', [])]
    return found
leaves = [part for part in mail.walk() if not part.is_multipart()]
print(json.dumps({
    'headers': {name.lower(): str(value) for name, value in mail.items()},
    'defects': [d for part in mail.walk() for d in defects(part)],
    'type': mail.get_content_type(),
    'parts': [{'type': part.get_content_type(), 'charset': part.get_content_charset() or '', 'text': part.get_content()}
              for part in leaves],
}))
`

function parse(python: string, raw: Buffer): PythonMail {
  return { raw, ...JSON.parse(execFileSync(python, ['-c', readMail], { input: raw, encoding: 'utf8' })) }
}

/**
 * Starts aiosmtpd on 127.0.0.1 and waits until it listens.
 * @param tls for STARTTLS, which it then insists on; `implicit` speaks TLS from the first byte on
 */
export async function startAiosmtpd({
  tls,
  implicit = false,
  smtpUtf8 = false,
}: {
  tls?: TlsCertificate
  implicit?: boolean
  smtpUtf8?: boolean
} = {}): Promise<Aiosmtpd> {
  const python = pythonWithAiosmtpd
  if (python === undefined)
    throw new Error('no python3 can import aiosmtpd; on Debian: apt-get install python3-aiosmtpd')
  const directory = mkdtempSync(join(tmpdir(), 'aiosmtpd-'))
  const mailbox = join(directory, 'mailbox')
  const port = await freePort()
  const child = spawn(
    python,
    [
      ...['-m', 'aiosmtpd', '-n', '-l', `127.0.0.1:${port}`, '-c', 'aiosmtpd.handlers.Mailbox'],
      ...(smtpUtf8 ? ['-u'] : []),
      ...(tls ? certificateFiles(directory, tls, implicit) : []),
      mailbox,
    ],
    { stdio: 'ignore' },
  )
  const close = async () => {
    await ended(child)
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await until('aiosmtpd', () =>
      child.exitCode === null ? listens(port) : Promise.reject(new Error('aiosmtpd ended')),
    )
  } catch (error) {
    await close()
    throw error
  }
  const files = () => {
    mkdirSync(join(mailbox, 'new'), { recursive: true })
    return readdirSync(join(mailbox, 'new')).map(name => join(mailbox, 'new', name))
  }
  return {
    port,
    async mails(count) {
      const found = await until(`${count} mails`, () => (files().length >= count ? files() : undefined))
      return found.map(file => parse(python, readFileSync(file)))
    },
    close,
  }
}

function certificateFiles(directory: string, { cert, key }: TlsCertificate, implicit: boolean): string[] {
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key, { mode: 0o600 })
  const option = implicit ? 'smtps' : 'tls'
  return [`--${option}cert`, certFile, `--${option}key`, keyFile]
}

const listens = (port: number): Promise<true | undefined> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(undefined))
  })

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await exit
}
