import { type FileHandle, open, rename, stat } from 'node:fs/promises'
import { stringify } from 'csv-stringify/sync'
import { type ItemChange, type RowResult, rebindFileColumns } from '../contract/rebind.ts'
import { type InputColumn, type Layout, resultColumns } from './columns.ts'
import { BulkError, systemCode } from './error.ts'
import { neutraliseFormula } from './formula.ts'
import type { ResultsFile } from './journal.ts'
import { createOwnFile, openOwnFile } from './own-file.ts'
import type { Source } from './source.ts'
import { writeAll } from './write-all.ts'

/** What became of one row. `valid`: it was looked at, and nothing was written. */
export interface Outcome {
  readonly status: RowResult['status'] | 'valid'
  /** Stable; null where all is well. */
  readonly code: string | null
  /** A sentence for people. */
  readonly message: string
  /** Whose row it is, as the server says. */
  readonly account: string | null
  readonly changes: readonly ItemChange[]
  readonly links: RowResult['links']
}

/** A row as the results have it. */
export interface ResultRow extends Outcome {
  readonly number: number
  readonly line: number | null
  readonly cells: readonly string[]
}

/** The address that a person opens, or gives to hufu in a file. */
export const linkUrl = (origin: string, secret: string): string => `${origin}/enrol#${secret}`

export const linkCommand = (origin: string, purpose: 'totp' | 'webauthn'): string =>
  `hufu bind ${purpose} --server ${origin} --link-file FILE`

const isSecret = (column: InputColumn): boolean => column === 'password' || column === 'password_hash'

/** The cells of a row by their columns. What is done needs its password no more. */
function inputCells(layout: Layout, { cells, status }: ResultRow): Partial<Record<InputColumn, string>> {
  const isDone = status === 'applied' || status === 'unchanged'
  const known: Partial<Record<InputColumn, string>> = {}
  for (const [index, column] of layout.entries()) {
    const cell = cells[index]
    if (column === undefined || column === 'status' || cell === undefined) continue
    known[column] = isDone && isSecret(column) ? '' : cell
  }
  return known
}

const changesText = (changes: readonly ItemChange[]): string =>
  changes.map(({ item, old, new: fresh }) => `${item}: ${old ?? '–'} → ${fresh ?? '–'}`).join('; ')

/** Puts rows into lines of one format. */
interface Writing {
  readonly header: string
  lines(rows: readonly ResultRow[]): string
}

const csvOptions = { record_delimiter: '\n', cast: { boolean: String, number: String } } as const

function csvWriting(layout: Layout, origin: string): Writing {
  const columns = layout.filter(column => column !== undefined && column !== 'status')
  const record = (row: ResultRow): string[] => {
    const cells = inputCells(layout, row)
    const link = (purpose: 'totp' | 'webauthn') => row.links.find(each => each.purpose === purpose)
    const [totp, webauthn] = [link('totp'), link('webauthn')]
    const result: Record<(typeof resultColumns)[number], string> = {
      row: String(row.number),
      line: row.line === null ? '' : String(row.line),
      status: row.status,
      code: row.code ?? '',
      message: row.message,
      account: row.account ?? '',
      changes: changesText(row.changes),
      totp_link: totp ? linkUrl(origin, totp.link_secret) : '',
      totp_command: totp ? linkCommand(origin, 'totp') : '',
      webauthn_link: webauthn ? linkUrl(origin, webauthn.link_secret) : '',
      webauthn_command: webauthn ? linkCommand(origin, 'webauthn') : '',
      link_expires_at: row.links[0]?.expires_at ?? '',
    }
    const own = columns.map(column => cells[column] ?? '')
    return [...own, ...resultColumns.map(column => result[column])].map(neutraliseFormula)
  }
  return {
    header: stringify([[...columns, ...resultColumns]], csvOptions),
    lines: rows => stringify(rows.map(record), csvOptions),
  }
}

function ndjsonWriting(layout: Layout, origin: string): Writing {
  const record = (row: ResultRow): object => {
    const cells = inputCells(layout, row)
    const own = Object.fromEntries(
      rebindFileColumns.flatMap(column => (cells[column] ? [[column, cells[column]]] : [])),
    )
    const { number, line, status, code, message, account, changes, links } = row
    return {
      ...own,
      row: number,
      line,
      status,
      code,
      message,
      account,
      changes,
      links: links.map(({ purpose, link_secret, expires_at }) => ({
        purpose,
        url: linkUrl(origin, link_secret),
        command: linkCommand(origin, purpose),
        expires_at,
      })),
    }
  }
  return { header: '', lines: rows => rows.map(row => `${JSON.stringify(record(row))}\n`).join('') }
}

/** Where the results of rows are written, in the order in which they are given. */
export interface Results {
  add(rows: readonly ResultRow[]): Promise<void>
  /** Has all of it on the disk. Returns how many bytes that are. */
  flush(): Promise<number>
  close(): Promise<void>
}

/** Results that nobody asked for. */
export const noResults: Results = { add: async () => {}, flush: async () => 0, close: async () => {} }

const flushAtCharacters = 256 * 1024

class FileResults implements Results {
  private readonly path: string
  private readonly handle: FileHandle
  private readonly writing: Writing
  private length: number
  private pending = ''

  constructor(path: string, handle: FileHandle, writing: Writing, length: number) {
    this.path = path
    this.handle = handle
    this.writing = writing
    this.length = length
    if (length === 0) this.pending = writing.header
  }

  async add(rows: readonly ResultRow[]): Promise<void> {
    if (rows.length > 0) this.pending += this.writing.lines(rows)
    if (this.pending.length >= flushAtCharacters) await this.write()
  }

  async flush(): Promise<number> {
    await this.write()
    await this.handle.datasync()
    return this.length
  }

  close(): Promise<void> {
    return this.handle.close()
  }

  private async write(): Promise<void> {
    const bytes = Buffer.from(this.pending)
    this.pending = ''
    try {
      await writeAll(this.handle, bytes, this.length)
    } catch (error) {
      throw unwritable(this.path, error)
    }
    this.length += bytes.length
  }
}

const unwritable = (path: string, error: unknown): BulkError =>
  error instanceof BulkError
    ? error
    : new BulkError('bulk_results_unwritable', { file: path, reason: systemCode(error) }, { cause: error })

/** Whether a file has rows that a run applied, whose links stand nowhere else. */
async function holdsAppliedRows(path: string): Promise<boolean> {
  const handle = await open(path, 'r')
  let before = ''
  try {
    for await (const chunk of handle.createReadStream({ autoClose: false, encoding: 'latin1' })) {
      const text = before + String(chunk)
      if (/"status":"applied"|,applied,/.test(text)) return true
      before = text.slice(-32)
    }
    return false
  } finally {
    await handle.close()
  }
}

/** Moves the results of an earlier run aside, to the first of NAME.1, NAME.2 … that is free. */
async function keepEarlier(path: string): Promise<string | undefined> {
  const status = await stat(path).catch(() => undefined)
  if (!status?.isFile() || status.size === 0 || !(await holdsAppliedRows(path))) return undefined
  for (let number = 1; ; number++) {
    const aside = `${path}.${number}`
    if (await stat(aside).catch(() => undefined)) continue
    await rename(path, aside)
    return aside
  }
}

/** @throws {BulkError} `bulk_results_is_file` where results would be written over the file that they are about */
async function verifyOther(path: string, source: Source): Promise<void> {
  const status = await stat(path).catch(() => undefined)
  if (status && status.ino === source.inode && status.dev === source.device) {
    throw new BulkError('bulk_results_is_file', { file: path })
  }
}

export interface ResultsOptions {
  readonly layout: Layout
  readonly origin: string
}

const writingOf = ({ format }: ResultsFile, { layout, origin }: ResultsOptions): Writing =>
  format === 'csv' ? csvWriting(layout, origin) : ndjsonWriting(layout, origin)

/**
 * Begins a file of results that only this user can read.
 * @param source the file that they are about, where there is one
 * @returns with `kept`: where the results of an earlier run that stood there are now
 * @throws {BulkError} `bulk_results_is_file`, `bulk_place_taken`, `bulk_results_unwritable`
 */
export async function createResults(
  file: ResultsFile,
  source: Source | undefined,
  options: ResultsOptions,
): Promise<{ results: Results; kept: string | undefined }> {
  if (source) await verifyOther(file.path, source)
  try {
    const kept = await keepEarlier(file.path)
    const handle = await createOwnFile(file.path)
    return { results: new FileResults(file.path, handle, writingOf(file, options), 0), kept }
  } catch (error) {
    throw unwritable(file.path, error)
  }
}

/**
 * Goes on with a file of results after `length` bytes: what follows was written by a batch that is sent once more.
 * @throws {BulkError} `bulk_results_changed` where it is shorter, `bulk_results_unwritable`
 */
export async function continueResults(file: ResultsFile, length: number, options: ResultsOptions): Promise<Results> {
  try {
    const handle = await openOwnFile(file.path)
    const { size } = await handle.stat()
    if (size < length) {
      await handle.close()
      throw new BulkError('bulk_results_changed', { file: file.path, size, length })
    }
    await handle.truncate(length)
    return new FileResults(file.path, handle, writingOf(file, options), length)
  } catch (error) {
    throw unwritable(file.path, error)
  }
}
