import type { Row, TransferDatabase, TransferLoading, TransferTable } from '../domain/ports/transfer.ts'
import type { SecretKeys } from '../domain/secret-keys.ts'
import { headerText, longestLine, Tally } from './frame.ts'
import { requireHeader } from './header.ts'
import { type Line, readLines } from './lines.ts'
import type { Progress } from './progress.ts'
import { type RowText, rowOrder, rowText } from './row-text.ts'
import { TransferError } from './transfer-error.ts'

export interface ImportParts {
  readonly chunks: AsyncIterable<Uint8Array>
  readonly keys: Pick<SecretKeys, 'hashText'>
  /** Called once the first line was found good: makes the schema where there is none. */
  openDatabase(): Promise<TransferDatabase>
  /** What this program has, by which the first line is judged. */
  readonly schema: Pick<TransferDatabase, 'tables' | 'migrations'>
  readonly progress: Progress
  readonly stop: AbortSignal
}

/** Rows are written once they are so many bytes together, however few they are. */
const mostBytes = 1024 * 1024

/**
 * Fills an empty database with what a file holds: all of it in one transaction, which ends well only when the file's
 * digests are right and the database, read again, has the same ones.
 * @returns how many rows
 * @throws {TransferError} with the line and the reason; then nothing was written
 */
export async function importAll(parts: ImportParts): Promise<number> {
  const { chunks, keys, openDatabase, schema, progress, stop } = parts
  const lines = readLines(chunks, longestLine)
  const first = await lines.next()
  if (first.done) throw new TransferError('the file is empty.')
  requireHeader(first.value.text, schema, keys)
  const database = await openDatabase()
  try {
    return await database.load(async loading => {
      await requireEmpty(loading, database.tables)
      const reading = new FileReading(database.tables, loading, progress)
      const tally = await reading.takeAll(first.value, lines, keys, stop)
      await requireSame(database, loading, tally, keys, progress)
      return tally.count
    })
  } finally {
    await database.close()
  }
}

/** Where the file is: which table, and what of it is still to be written. */
class FileReading {
  readonly #tables: readonly TransferTable[]
  readonly #loading: TransferLoading
  readonly #progress: Progress
  readonly #tally = new Tally()
  #index = -1
  #text: RowText | undefined
  #order: ((a: Row, b: Row) => number) | undefined
  #last: Row | undefined
  #firstLine = 0
  #rows: Row[] = []
  #lines: string[] = []
  #bytes = 0
  #count = 0

  constructor(tables: readonly TransferTable[], loading: TransferLoading, progress: Progress) {
    this.#tables = tables
    this.#loading = loading
    this.#progress = progress
  }

  async takeAll(
    header: Line,
    lines: AsyncGenerator<Line>,
    keys: Pick<SecretKeys, 'hashText'>,
    stop: AbortSignal,
  ): Promise<Tally> {
    this.#tally.header(header.text)
    let ended = false
    let number = 1
    for await (const line of lines) {
      number = line.number
      if (stop.aborted) throw new TransferError('stopped before the end.')
      if (ended) throw new TransferError(`line ${number}: something follows the last line of an export.`)
      const members = parse(line)
      if ('end' in members) {
        await this.#flush()
        this.#finishTable()
        this.#requireTrailer(line, members.end, keys)
        ended = true
      } else {
        await this.#take(line, members)
      }
    }
    if (!ended)
      throw new TransferError(`the file ends after line ${number}, without the last line of an export: it was cut off.`)
    return this.#tally
  }

  async #take(line: Line, members: Readonly<Record<string, unknown>>): Promise<void> {
    const { table, row: rowMembers } = members
    const fail = (reason: string): never => {
      throw new TransferError(`line ${line.number}: ${reason}.`)
    }
    if (typeof table !== 'string' || !isObject(rowMembers)) return fail('this is no row of a table')
    if (table !== this.#tables[this.#index]?.name) await this.#enter(table, fail)
    const row = this.#read(rowMembers, fail)
    if (this.#text?.write(row) !== line.text) fail('the row is not written as an export writes it: it was changed')
    const order = this.#last ? (this.#order?.(this.#last, row) ?? 0) : -1
    if (order === 0)
      fail(`the row was there before: its ${this.#tables[this.#index]?.key.join(', ')} is that of the line above`)
    if (order > 0) fail('the row is out of order: lines were exchanged, doubled or put in')
    this.#last = row
    if (this.#rows.length === 0) this.#firstLine = line.number
    this.#rows.push(row)
    this.#lines.push(line.text)
    this.#bytes += line.text.length
    if (this.#rows.length >= (this.#tables[this.#index]?.page ?? 1) || this.#bytes >= mostBytes) await this.#flush()
  }

  #read(members: Readonly<Record<string, unknown>>, fail: (reason: string) => never): Row {
    try {
      return this.#text?.read(members) ?? []
    } catch (error) {
      if (error instanceof TransferError) return fail(error.message)
      throw error
    }
  }

  async #enter(name: string, fail: (reason: string) => never): Promise<void> {
    const index = this.#tables.findIndex(table => table.name === name)
    const table = this.#tables[index]
    if (!table) return fail(`there is no table "${name}"`)
    if (index < this.#index) return fail(`rows of ${name} come too late: lines were exchanged, doubled or put in`)
    await this.#flush()
    this.#finishTable()
    this.#index = index
    this.#text = rowText(table)
    this.#order = rowOrder(table)
    this.#last = undefined
  }

  #finishTable(): void {
    const table = this.#tables[this.#index]
    if (table) this.#progress.done(table.name, this.#count)
    this.#count = 0
  }

  async #flush(): Promise<void> {
    const table = this.#tables[this.#index]
    if (!table || this.#rows.length === 0) return
    try {
      await this.#loading.insert(table, this.#rows)
    } catch (error) {
      const to = this.#firstLine + this.#rows.length - 1
      const reason = error instanceof Error ? error.message : 'unknown'
      throw new TransferError(
        `lines ${this.#firstLine} to ${to}: the database refused a row of ${table.name}: ${reason}.`,
        {
          cause: error,
        },
      )
    }
    this.#tally.rows(table, this.#lines.join(''), this.#rows.length)
    this.#count += this.#rows.length
    this.#progress.moved(table.name, this.#count)
    this.#rows = []
    this.#lines = []
    this.#bytes = 0
  }

  #requireTrailer(line: Line, end: unknown, keys: Pick<SecretKeys, 'hashText'>): void {
    const right = this.#tally.trailerText(this.#tables, keys)
    if (line.text === right) return
    const { end: mine } = JSON.parse(right)
    const told = isObject(end) && isObject(end.tables) ? end.tables : {}
    const differing = this.#tables.find(({ name }) => JSON.stringify(told[name]) !== JSON.stringify(mine.tables[name]))
    const what = differing
      ? `the rows of ${differing.name} are not those that were exported`
      : 'the first or the last line was changed, or the file was made without the secret key'
    throw new TransferError(`line ${line.number}: the digests differ: ${what}.`)
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parse({ number, text }: Line): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Said below.
  }
  if (!isObject(value)) throw new TransferError(`line ${number} is no JSON object.`)
  return value
}

/** @throws {TransferError} where there is anything but what migrations make */
async function requireEmpty(loading: TransferLoading, tables: readonly TransferTable[]): Promise<void> {
  for (const table of tables) {
    for await (const _page of loading.read(table)) {
      throw new TransferError(
        `the database is not empty: there are rows in ${table.name}. Name one that nobody has used.`,
      )
    }
  }
}

/** Reads what the database holds now. @throws {TransferError} where it is not what the file says */
async function requireSame(
  { tables, migrations }: TransferDatabase,
  loading: TransferLoading,
  tally: Tally,
  keys: Pick<SecretKeys, 'hashText'>,
  progress: Progress,
): Promise<void> {
  const held = new Tally()
  held.header(headerText({ tables, migrations }, keys))
  for (const table of tables) {
    const text = rowText(table)
    let count = 0
    for await (const page of loading.read(table)) {
      held.rows(table, page.map(text.write).join(''), page.length)
      count += page.length
      progress.moved(`${table.name} (checking)`, count)
    }
  }
  if (held.trailerText(tables, keys) !== tally.trailerText(tables, keys)) {
    throw new TransferError('what the database holds is not what the file says. Please report this.')
  }
}
