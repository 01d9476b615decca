import { createPrivateKey } from 'node:crypto'
import { domainToASCII } from 'node:url'
import type { DKIMOptions, SMTPPoolOptions } from 'nodemailer'
import type { DkimConfig, EmailConfig, SmtpAuth, SmtpConfig } from '../../config/config.ts'
import { ConfigError } from '../../config/config-error.ts'

/** A mailbox with the name that people see; `address` has an ASCII local part and an ASCII domain (RFC 5321). */
export interface Mailbox {
  readonly name: string
  readonly address: string
  readonly domain: string
}

/** Who the mails are from. */
export interface MailOrigin {
  readonly from: Mailbox
  readonly replyTo: Mailbox | undefined
}

const connectionUse = 100
/** Below what servers and routers let a silent connection live, so that a message seldom meets a dead one. */
const longestIdle = 30_000
const closeTimeout = 1_000
/** Bytes; a greeting with all its extensions has some hundreds. */
const longestReply = 64 * 1024

const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)

/**
 * What nodemailer's pool is made with. Its `debug` and `logger` stay off: they would write codes and addresses.
 * @throws {ConfigError} for mail in plain text to another machine
 */
export function poolOptions(
  smtp: SmtpConfig,
  auth: SMTPPoolOptions['auth'],
): SMTPPoolOptions & { readonly pool: true } {
  const { host, port, security, timeout } = smtp
  if (security === 'none' && !isLoopback(host)) {
    throw new ConfigError(
      `email.smtp.security: "none" is for a server on this machine alone, and ${host} is not. Use "tls" or "starttls".`,
    )
  }
  return {
    pool: true,
    maxConnections: smtp.connections,
    maxMessages: connectionUse,
    // Sent once or failed: who tries again is the outbox.
    maxRequeues: 0,
    idleTimeout: Math.min(longestIdle, Math.ceil(timeout / 2)),
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port,
    name: smtp.name,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: true, ...(smtp.ca === undefined ? {} : { ca: smtp.ca }) },
    dnsTimeout: timeout,
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    socketCloseTimeout: closeTimeout,
    maxResponseSize: longestReply,
    disableFileAccess: true,
    disableUrlAccess: true,
    auth,
    // Without, a server that hides AUTH would be sent mail by nobody in particular.
    forceAuth: auth !== undefined,
  }
}

/** @throws {ConfigError} when the tokens would be fetched in plain text from another machine */
export function checkTokenUrl(auth: SmtpAuth): void {
  if (auth.method !== 'xoauth2') return
  const url = URL.canParse(auth.tokenUrl) ? new URL(auth.tokenUrl) : undefined
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))) return
  throw new ConfigError('email.smtp.token_url: give an https address, such as https://oauth2.googleapis.com/token')
}

/** @throws {ConfigError} unless both are one mailbox each */
export const readOrigin = ({ from, replyTo }: Pick<EmailConfig, 'from' | 'replyTo'>): MailOrigin => ({
  from: readMailbox('email.from', from),
  replyTo: replyTo === undefined ? undefined : readMailbox('email.reply_to', replyTo),
})

/** RFC 8301 section 3.2: what verifiers take at least. */
const shortestDkimKey = 1024

/**
 * What nodemailer's signer is made with. It signs with RSA alone, and sends mail unsigned where it can't.
 * @throws {ConfigError} for a key that is none of RSA
 */
export function dkimOptions({ domain, selector, privateKey }: DkimConfig): DKIMOptions {
  if (rsaBits(privateKey) < shortestDkimKey) {
    throw new ConfigError(
      `email.dkim: the private key is no RSA key of at least ${shortestDkimKey} bits in PEM. Make one: openssl genrsa 2048`,
    )
  }
  return { domainName: domain, keySelector: selector, privateKey }
}

function rsaBits(pem: string): number {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem)
    return asymmetricKeyType === 'rsa' ? (asymmetricKeyDetails?.modulusLength ?? 0) : 0
  } catch {
    // The error may quote what is no key.
    return 0
  }
}

/** `Name <address>`, `"Name" <address>`, or the address alone. */
const mailboxForm = /^(?:"?([^"<>\p{Cc}]*?)"?\s*<([^<>\s]+)>|([^<>\s]+))$/u
const addressForm = /^[\w.!#$%&'*+/=?^`{|}~-]+@([^@\s,:;]+)$/

function readMailbox(place: string, text: string): Mailbox {
  const [, name = '', inBrackets, alone = ''] = mailboxForm.exec(text.trim()) ?? []
  const address = inBrackets ?? alone
  const domain = domainToASCII(addressForm.exec(address)?.[1] ?? '')
  if (domain === '') {
    throw new ConfigError(
      `${place}: ${JSON.stringify(text)} is no mailbox. Write it as: Accounts <accounts@example.org>`,
    )
  }
  return { name, address: `${address.slice(0, address.lastIndexOf('@'))}@${domain}`, domain }
}
