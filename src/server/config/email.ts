import { createPrivateKey, X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import { parseEmailAddress } from '../domain/contacts.ts'
import type { DkimConfig, EmailConfig, SmtpAuth, SmtpConfig } from './config.ts'
import type { EmailSection } from './email-schema.ts'
import type { MemberPath } from './mistakes.ts'
import { addressMistake, isThisMachine } from './origin.ts'
import { isReadByAll } from './secrets.ts'
import { allOrOff, readNamedFile, type SectionReader } from './section.ts'

const defaultPorts = { tls: 465, starttls: 587, none: 25 } as const
const smtpPath = ['email', 'smtp'] as const

/** The section `email`; `undefined` where it can't be used, which was told. */
export function readEmail(section: EmailSection, reader: SectionReader): EmailConfig | undefined {
  const { from, reply_to, smtp, dkim } = section
  checkMailbox(['email', 'from'], from, reader)
  if (reply_to !== undefined) checkMailbox(['email', 'reply_to'], reply_to, reader)
  const dkimConfig = dkim && readDkim(dkim, from, reader)
  const smtpConfig = readSmtp(smtp, reader)
  return smtpConfig && { from, replyTo: reply_to, smtp: smtpConfig, dkim: dkimConfig }
}

/** `Name <address>` or an address alone. The name takes no `<`, quotes or controls: they would end it. */
const namedMailbox = /^[^<>"\p{Cc}]{0,100}<([^<>\s]+)>$/u

export const addressOf = (mailbox: string): string => namedMailbox.exec(mailbox)?.[1] ?? mailbox

const ascii = /^[\x21-\x7e]+$/

function checkMailbox(path: MemberPath, mailbox: string, { mistakes }: SectionReader): void {
  try {
    const { value } = parseEmailAddress(addressOf(mailbox))
    // RFC 5321: without SMTPUTF8, which few servers have, the envelope is ASCII. A domain can be written in it (IDNA).
    if (ascii.test(value.slice(0, value.lastIndexOf('@')))) return
    mistakes.add(path, 'before the @, letters and digits of ASCII alone: mail servers refuse others of a sender.')
  } catch {
    mistakes.add(path, 'this is no address, and no name with one. Like this: hufu <no-reply@example.org>')
  }
}

function readSmtp(smtp: EmailSection['smtp'], reader: SectionReader): SmtpConfig | undefined {
  const { host, name, connections = 10, timeout_seconds = 10, ca_file } = smtp
  const security = smtp.security ?? (smtp.port === 465 ? 'tls' : 'starttls')
  const port = smtp.port ?? defaultPorts[security]
  const auth = smtp.auth ?? (smtp.username === undefined ? 'none' : 'password')
  if (security === 'none' && !isThisMachine(host)) {
    reader.mistakes.add(
      [...smtpPath, 'security'],
      'none is for a mail server on this machine alone. Set tls or starttls.',
    )
  }
  const ca = ca_file === undefined ? undefined : readCertificates(ca_file, reader)
  const credentials = auth === 'none' ? undefined : readAuth(smtp, auth, reader)
  if (auth !== 'none' && !credentials) return undefined
  return { host, port, security, auth: credentials, ca, name, connections, timeout: timeout_seconds * 1000 }
}

const about = { method: 'email', provider: 'smtp' } as const

function readAuth(
  { username, client_id, token_url }: EmailSection['smtp'],
  method: 'password' | 'xoauth2',
  { mistakes, secrets, off }: SectionReader,
): SmtpAuth | undefined {
  const needed = { username, ...(method === 'xoauth2' ? { client_id, token_url } : {}) }
  const absent = Object.entries(needed).filter(([, value]) => value === undefined)
  for (const [name] of absent) mistakes.add(smtpPath, `${name} is missing; auth: ${method} needs it.`)
  if (token_url !== undefined) {
    const wrong = addressMistake(token_url)
    if (wrong) mistakes.add([...smtpPath, 'token_url'], wrong)
  }
  if (method === 'password') {
    const found = allOrOff({ password: secrets.read('HUFUD_SMTP_PASSWORD') }, about, off)
    return found && username !== undefined ? { method, username, password: found.password } : undefined
  }
  const found = allOrOff(
    {
      // Microsoft's public clients have none.
      clientSecret: secrets.isGiven('HUFUD_SMTP_CLIENT_SECRET')
        ? secrets.read('HUFUD_SMTP_CLIENT_SECRET')
        : { value: '' },
      refreshToken: secrets.read('HUFUD_SMTP_REFRESH_TOKEN'),
    },
    about,
    off,
  )
  if (!found || username === undefined || client_id === undefined || token_url === undefined) return undefined
  return { method, username, clientId: client_id, tokenUrl: token_url, ...found }
}

function readCertificates(name: string, reader: SectionReader): string | undefined {
  const path = [...smtpPath, 'ca_file']
  const pem = readNamedFile(path, name, reader)
  if (pem === undefined) return undefined
  try {
    new X509Certificate(pem)
    return pem
  } catch {
    reader.mistakes.add(path, 'this file holds no certificate in PEM (-----BEGIN CERTIFICATE-----).')
    return undefined
  }
}

const shortestRsaKey = 1024

const describeKey = (type: string | undefined, bits: number): string =>
  type === 'rsa'
    ? `this RSA key of ${bits} bits is too short for those who verify (RFC 8301).`
    : `this file holds a key of another kind (${type}), and mail is signed with RSA alone.`

function readDkim(
  dkim: NonNullable<EmailSection['dkim']>,
  from: string,
  reader: SectionReader,
): DkimConfig | undefined {
  const { domain, selector, key_file } = dkim
  const sender = addressOf(from).split('@').at(-1)?.toLowerCase() ?? ''
  if (sender !== domain.toLowerCase() && !sender.endsWith(`.${domain.toLowerCase()}`)) {
    reader.mistakes.add(
      ['email', 'dkim', 'domain'],
      'this is not the domain of email.from, or one above it, so that DMARC would not count the signature.',
    )
  }
  const path = ['email', 'dkim', 'key_file']
  const privateKey = readNamedFile(path, key_file, reader)
  if (privateKey === undefined) return undefined
  if (isReadByAll(resolve(reader.folder, key_file))) {
    reader.warnings.push(
      'Every user of this machine can read the file that email.dkim.key_file names. Run: chmod o= FILE',
    )
  }
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(privateKey)
    const { modulusLength = 0 } = asymmetricKeyDetails ?? {}
    if (asymmetricKeyType === 'rsa' && modulusLength >= shortestRsaKey) return { domain, selector, privateKey }
    reader.mistakes.add(path, `${describeKey(asymmetricKeyType, modulusLength)} Make one of RSA: openssl genrsa 2048`)
  } catch {
    reader.mistakes.add(path, 'this file holds no private key in PEM without a passphrase.')
  }
  return undefined
}
