import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Config, DatabaseConfig } from './config.ts'
import type { ConfigFile } from './file-schema.ts'
import { type Mistakes, unreadable } from './mistakes.ts'
import { isLocal, type PostgresAddress, PostgresUrlInvalid, parsePostgresUrl } from './postgres-url.ts'
import type { Environment } from './secrets.ts'
import type { SectionReader } from './section.ts'

/** Where the address of the database was said. */
interface Source {
  readonly text: string
  readonly from: '--database' | 'HUFUD_DATABASE' | 'HUFUD_DATABASE_FILE' | 'database'
}

const passwordsElsewhere =
  'Give the password in PGPASSWORD, or the whole address in HUFUD_DATABASE or in a file that HUFUD_DATABASE_FILE names.'

/** Where a password may not stand, and why. */
const exposed: Readonly<Partial<Record<Source['from'], string>>> = {
  '--database': `every user of this machine can read the password on a command line. ${passwordsElsewhere} Change the password if others use this machine.`,
  database: `secrets are not in this file. ${passwordsElsewhere} Take the password out, and change it if others can read this file.`,
}

function sourceOf(
  { database }: { readonly database?: string | undefined },
  env: Environment,
  file: ConfigFile,
  { secrets, mistakes }: SectionReader,
): Source {
  if (database !== undefined) return { text: database, from: '--database' }
  if (secrets.isGiven('HUFUD_DATABASE')) {
    const from = env.HUFUD_DATABASE_FILE ? 'HUFUD_DATABASE_FILE' : 'HUFUD_DATABASE'
    const { value, off } = secrets.read('HUFUD_DATABASE')
    if (value !== undefined) return { text: value, from }
    mistakes.addAt(undefined, from, off)
  } else if (file.database !== undefined) return { text: file.database, from: 'database' }
  const home = env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local', 'share')
  return { text: `sqlite:${join(home, 'hufud', 'hufud.db')}`, from: 'database' }
}

/** The database of options, environment and file. Mistakes repeat nothing of an address. */
export function readDatabase(
  options: { readonly database?: string | undefined },
  env: Environment,
  file: ConfigFile,
  reader: SectionReader,
): DatabaseConfig {
  const { text, from } = sourceOf(options, env, file, reader)
  const { mistakes, warnings } = reader
  const tell = (words: string) =>
    from === 'database' ? mistakes.add(['database'], words) : mistakes.addAt(undefined, from, words)
  if (/^postgres(?:ql)?:/.test(text)) {
    const address = postgresAddress(text, tell)
    if (address) checkAddress(address, exposed[from], tell, warnings)
    return {
      engine: 'postgres',
      url: address && !address.password && env.PGPASSWORD ? withPassword(text, env.PGPASSWORD) : text,
      connections: file.database_connections ?? 10,
      statementTimeout: (file.database_statement_timeout_seconds ?? 10) * 1000,
      preparesStatements: file.database_prepared_statements ?? true,
    }
  }
  const path = text.slice('sqlite:'.length)
  if ((!text.startsWith('sqlite:') || path === '') && !mistakes.isAbout(['database'])) {
    const [kind = ''] = text.split(':')
    const words = /^[a-z]{1,20}$/.test(kind) && kind !== 'sqlite' ? `${kind}: is not supported. ` : ''
    tell(`${words}Give sqlite:PATH or postgres://USER@HOST/DATABASE.`)
  }
  return { engine: 'sqlite', path }
}

function postgresAddress(text: string, tell: (words: string) => void): PostgresAddress | undefined {
  try {
    return parsePostgresUrl(text)
  } catch (error) {
    if (!(error instanceof PostgresUrlInvalid)) throw error
    tell(error.message)
    return undefined
  }
}

function checkAddress(
  { password, authorities, security, host }: PostgresAddress,
  exposure: string | undefined,
  tell: (words: string) => void,
  warnings: string[],
): void {
  if (password !== undefined && exposure !== undefined) tell(exposure)
  if (security === 'none' && !isLocal(host)) {
    warnings.push(
      'The database is on another machine, and sslmode=disable sends it passwords and people’s data in the clear.',
    )
  }
  if (authorities === undefined) return
  try {
    readFileSync(authorities)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    tell(`the file that its sslrootcert names ${unreadable(code)}.`)
  }
}

function withPassword(text: string, password: string): string {
  return text.replace(
    /^([a-z]+:\/\/[^@/?#]*)@/,
    (_, start: string) => `${start.replace(/:$/, '')}:${encodeURIComponent(password)}@`,
  )
}

/** Where the server's key is: beside a file of data, or where it is said. Processes that share a database share it. */
export function readSecretKey(database: DatabaseConfig, env: Environment, mistakes: Mistakes): Config['secretKey'] {
  if (env.HUFUD_SECRET_KEY) return { text: env.HUFUD_SECRET_KEY }
  if (env.HUFUD_SECRET_KEY_FILE) {
    return { file: env.HUFUD_SECRET_KEY_FILE, ...(database.engine === 'postgres' ? { isShared: true } : {}) }
  }
  if (database.engine === 'sqlite') return { file: `${database.path}.key` }
  mistakes.addAt(
    undefined,
    'HUFUD_SECRET_KEY_FILE',
    'with PostgreSQL it must be said where the server’s key is, the same for all processes. Make one: (umask 077; openssl rand 32 | basenc --base64url | tr -d = > FILE)',
  )
  return { text: '' }
}
