import { createHash, type Hash } from 'node:crypto'
import type { TransferDatabase, TransferTable } from '../domain/ports/transfer.ts'
import type { SecretKeys } from '../domain/secret-keys.ts'

export const format = 'hufud-export'
export const formatVersion = 1

/** The longest line, in bytes with its line feed. */
export const longestLine = 16 * 1024 * 1024

/** The first line of a file. */
export interface Header {
  readonly format: string
  readonly version: number
  readonly migrations: readonly string[]
  readonly tables: readonly string[]
  /** A keyed hash of a fixed text: whether two servers have the same secret key, and nothing else of it. */
  readonly secret_key: string
}

/** What the secret key makes of a fixed text. */
export const keyCheck = (keys: Pick<SecretKeys, 'hashText'>): string =>
  keys.hashText('transfer', 'secret key of an export')

export function headerText(
  { tables, migrations }: Pick<TransferDatabase, 'tables' | 'migrations'>,
  keys: Pick<SecretKeys, 'hashText'>,
): string {
  const header: Header = {
    format,
    version: formatVersion,
    migrations,
    tables: tables.map(({ name }) => name),
    secret_key: keyCheck(keys),
  }
  return `${JSON.stringify(header)}\n`
}

/** Counts and digests of what passes by, for the last line. */
export class Tally {
  readonly #whole = createHash('sha256')
  readonly #tables = new Map<string, { rows: number; readonly digest: Hash }>()

  /** Takes the first line. */
  header(text: string): void {
    this.#whole.update(text)
  }

  /** Takes lines of rows of a table, each with its line feed. */
  rows({ name }: TransferTable, text: string, count: number): void {
    const table = this.#tables.get(name) ?? { rows: 0, digest: createHash('sha256') }
    this.#tables.set(name, table)
    table.rows += count
    table.digest.update(text)
    this.#whole.update(text)
  }

  get count(): number {
    return [...this.#tables.values()].reduce((sum, { rows }) => sum + rows, 0)
  }

  /** The last line. Its seal is a keyed hash: whoever has not the secret key can't make a file that is taken. */
  trailerText(tables: readonly TransferTable[], keys: Pick<SecretKeys, 'hashText'>): string {
    const nothing = { rows: 0, digest: createHash('sha256') }
    const digests = tables.map(({ name }) => {
      const { rows, digest } = this.#tables.get(name) ?? nothing
      return [name, { rows, sha256: digest.copy().digest('hex') }] as const
    })
    const sha256 = this.#whole.copy().digest('hex')
    const end = {
      rows: this.count,
      tables: Object.fromEntries(digests),
      sha256,
      seal: keys.hashText('transfer', 'end of an export', sha256),
    }
    return `${JSON.stringify({ end })}\n`
  }
}
