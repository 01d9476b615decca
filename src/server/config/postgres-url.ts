import { isIP } from 'node:net'
import { isThisMachine } from './origin.ts'

/** Where a PostgreSQL server is, and how it is spoken to. */
export interface PostgresAddress {
  /** A host, an address, or the folder of a Unix socket, which begins with `/`. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: string | undefined
  /** `verify`: TLS, with a certificate for this host from an authority that is trusted. There is no TLS without. */
  readonly security: 'verify' | 'none'
  /** A PEM file of the authorities that are trusted instead of the system's. */
  readonly authorities: string | undefined
}

/** @param words what is wrong with the address and what to do; they repeat nothing of it */
export class PostgresUrlInvalid extends Error {
  constructor(words: string) {
    super(words)
    this.name = 'PostgresUrlInvalid'
  }
}

const known = ['host', 'port', 'sslmode', 'sslrootcert']

/** Stands for the host in an address of a Unix socket, `postgres:///name?host=/var/run/postgresql`: URLs have one. */
const noHost = 'no-host.invalid'

function parsed(text: string): URL {
  const whole = text.replace(/^(postgres(?:ql)?:\/\/(?:[^/?#@]*@)?)(?=(?::\d*)?(?:[/?]|$))/, `$1${noHost}`)
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(whole)) {
    throw new PostgresUrlInvalid('this is not postgres://USER@HOST:PORT/DATABASE.')
  }
  return new URL(whole)
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new PostgresUrlInvalid('a % in it is not followed by two hexadecimal digits; write %25 for %.')
  }
}

/** Whether nobody can stand between this process and the host. */
export const isLocal = (host: string): boolean => host.startsWith('/') || isThisMachine(host)

/**
 * All hosts elsewhere get `verify-full`, stated or not; `disable` must be stated. The modes between encrypt without
 * knowing for whom, and so protect from nobody who stands in between.
 */
function securityOf(mode: string | null, host: string): PostgresAddress['security'] {
  if (mode === 'verify-full') return 'verify'
  if (mode === 'disable') return 'none'
  if (mode === null) return isLocal(host) ? 'none' : 'verify'
  throw new PostgresUrlInvalid(
    'this sslmode does not verify whose certificate it is. Give sslmode=verify-full, with sslrootcert=FILE where the authority is your own.',
  )
}

/**
 * The parts of `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?sslmode=…&sslrootcert=FILE]`, or of
 * `postgres://USER@/DATABASE?host=FOLDER` for a Unix socket.
 * @throws {PostgresUrlInvalid}
 */
export function parsePostgresUrl(text: string): PostgresAddress {
  const url = parsed(text)
  for (const name of url.searchParams.keys()) {
    if (known.includes(name)) continue
    const told = /^[a-z_]{1,40}$/.test(name) ? name : 'a parameter'
    throw new PostgresUrlInvalid(`${told} is not known here; ${known.join(', ')} are.`)
  }
  const host = url.searchParams.get('host') ?? decoded(url.hostname).replace(/^\[|\]$/g, '')
  if (host === '' || host === noHost) {
    throw new PostgresUrlInvalid(
      'the host is missing: postgres://USER@HOST/DATABASE, or ?host=FOLDER for a Unix socket.',
    )
  }
  const user = decoded(url.username)
  const database = decoded(url.pathname.slice(1))
  if (user === '' || database === '') {
    throw new PostgresUrlInvalid('the user or the database is missing: postgres://USER@HOST/DATABASE.')
  }
  return {
    host,
    port: Number(url.searchParams.get('port') ?? url.port) || 5432,
    user,
    database,
    password: decoded(url.password) || undefined,
    security: securityOf(url.searchParams.get('sslmode'), host),
    authorities: url.searchParams.get('sslrootcert') ?? undefined,
  }
}

/** The address without its password, as people may read it. */
export function describePostgres({ host, port, user, database }: PostgresAddress): string {
  const place = host.startsWith('/') ? `${host}:${port}` : `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  return `${database} at ${place} as ${user}`
}
