import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type ProxyServer, proxyFor } from '../api/proxy.ts'
import { CommandError } from '../commands/command-error.ts'

/** The way to the server: what is trusted, and what is between. */
export interface Network {
  /** PEM: the only issuers that are trusted; left out: those that node trusts. */
  readonly ca?: string
  readonly proxy?: ProxyServer
}

const certificate = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g

/** node reads a bundle as far as it understands it: each certificate is tried, so that none is left out in silence. */
function isReadable(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined
  } catch {
    return false
  }
}

/**
 * The certificates in a file of issuers to trust; what else is in it is left out.
 * @param expected what it has to hold, in the person's words
 * @throws {CommandError} `input_unreadable`, `input_malformed`
 */
function readIssuers(file: string, expected: string): string {
  let text: string
  try {
    text = readFileSync(file, 'latin1')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CommandError('input_unreadable', { source: file, reason }, { cause: error })
  }
  const found = text.match(certificate) ?? []
  const begun = text.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/g) ?? []
  if (found.length === 0 || found.length < begun.length || !found.every(isReadable)) {
    throw new CommandError('input_malformed', { source: file, expected })
  }
  return `${found.join('\n')}\n`
}

/**
 * The way to `origin`, by options and environment.
 * @throws {CommandError} `input_unreadable`, `input_malformed` for the file of issuers
 * @throws {ApiError} `proxy_invalid`
 */
export function networkOf(
  origin: string,
  caFile: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  expected: string,
): Network {
  const file = caFile ?? (env.HUFU_CA_FILE || undefined)
  const proxy = proxyFor(origin, env)
  return { ...(file === undefined ? {} : { ca: readIssuers(file, expected) }), ...(proxy ? { proxy } : {}) }
}
