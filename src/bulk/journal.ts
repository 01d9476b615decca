import { constants } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BulkError, systemCode, UnreadableError } from './error.ts'
import { createOwnFile, openOwnFile } from './own-file.ts'
import type { Format } from './read-rows.ts'
import { writeAll } from './write-all.ts'

/** Where the results of a run go. */
export interface ResultsFile {
  /** Absolute. */
  readonly path: string
  readonly format: Format
}

/** What a run is about: the first line of its journal, which never changes. */
export interface JournalHeader {
  readonly journal: 'hufu-rebind'
  readonly version: 1
  readonly kind: 'rebind' | 'undo'
  readonly run_id: string
  readonly server: string
  readonly reason: string
  readonly notify: boolean
  /** How many rows the run has; of an undoing, how many the run had applied. */
  readonly rows: number
  readonly batch_size: number
  readonly results: ResultsFile | null
  /** Bytes of the results that were written before the first batch. */
  readonly results_length: number
  /** Rows that were left out because they were refused. */
  readonly refused: number
  /** Of an undoing: the run that it undoes. */
  readonly undoes: string | null
  /** The file, of a run over one. */
  readonly file: { readonly sha256: string; readonly size: number } | null
  /** The digests of its batches, one after the other; base64url. */
  readonly batch_digests: string
  /** The rows that were left out, as `RowSet` writes them. */
  readonly skipped: string
  /** Whether a row needs an earlier one to be done: then one batch goes at a time. */
  readonly serial: boolean
}

export interface RunSecret {
  readonly run_secret: string
  readonly expires_at: string
}

export interface BatchEntry {
  /** From 0, without a gap. */
  readonly batch: number
  /** Bytes of the results up to its last row. */
  readonly results_length: number
  readonly applied: number
  readonly unchanged: number
  readonly failed: number
  /** Of an undoing. */
  readonly skipped: number
  /** Of an undoing: the rows before this one come next; null after the last. */
  readonly next?: number | null
}

/** What a journal says, read from its first line to its last whole one. */
export interface JournalState {
  readonly header: JournalHeader
  secret: RunSecret | undefined
  readonly done: Counts & { batches: number; resultsLength: number; next: number | null | undefined }
  isFinished: boolean
}

export interface Counts {
  applied: number
  unchanged: number
  failed: number
  skipped: number
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isHeader(value: unknown): value is JournalHeader {
  if (!isRecord(value) || value.journal !== 'hufu-rebind' || value.version !== 1) return false
  const texts = [value.run_id, value.server, value.reason, value.batch_digests, value.skipped]
  const counts = [value.rows, value.batch_size, value.results_length, value.refused]
  return (
    (value.kind === 'rebind' || value.kind === 'undo') &&
    texts.every(each => typeof each === 'string') &&
    counts.every(each => Number.isSafeInteger(each)) &&
    typeof value.notify === 'boolean' &&
    typeof value.serial === 'boolean'
  )
}

function isBatch(value: Readonly<Record<string, unknown>>): boolean {
  const counts = [value.batch, value.results_length, value.applied, value.unchanged, value.failed, value.skipped]
  return counts.every(each => Number.isSafeInteger(each))
}

function takeLine(state: JournalState, value: unknown): boolean {
  if (!isRecord(value)) return false
  const { secret, done } = { secret: value.secret, done: state.done }
  if (isRecord(secret) && typeof secret.run_secret === 'string' && typeof secret.expires_at === 'string') {
    state.secret = { run_secret: secret.run_secret, expires_at: secret.expires_at }
    return true
  }
  if (value.finished === true) {
    state.isFinished = true
    return true
  }
  if (!isBatch(value) || value.batch !== done.batches) return false
  const entry = value as unknown as BatchEntry
  done.batches++
  done.resultsLength = entry.results_length
  for (const count of ['applied', 'unchanged', 'failed', 'skipped'] as const) done[count] += entry[count]
  done.next = entry.next
  return true
}

/** What a journal's lines say. @param text whole lines @throws {TypeError} with the number of a line that says nothing */
function stateOf(text: string): JournalState | undefined {
  const lines = text.split('\n').slice(0, -1)
  let state: JournalState | undefined
  for (const [index, line] of lines.entries()) {
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      throw new TypeError(String(index + 1))
    }
    if (!state) {
      if (!isHeader(value)) throw new TypeError('1')
      const done = { batches: 0, resultsLength: value.results_length, next: undefined }
      const counts = { applied: 0, unchanged: 0, failed: 0, skipped: 0 }
      state = { header: value, secret: undefined, done: { ...done, ...counts }, isFinished: false }
    } else if (!takeLine(state, value)) throw new TypeError(String(index + 1))
  }
  return state
}

const beginning = '{"journal":"hufu-rebind"'

/**
 * What stands in a journal; `undefined` where there is none, or not one whole line: then nothing was begun. A last line
 * that a crash cut off is read over.
 * @throws {UnreadableError} and {BulkError} `bulk_journal_malformed`
 */
export async function readJournal(path: string): Promise<{ state: JournalState; length: number } | undefined> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw new UnreadableError(path, error)
  }
  const length = bytes.lastIndexOf(0x0a) + 1
  // What is no beginning of a journal is somebody's file, and would be written over.
  const begun = bytes.subarray(0, beginning.length).toString('utf8')
  if (!beginning.startsWith(begun)) throw new BulkError('bulk_journal_malformed', { file: path, line: 1 })
  try {
    const state = stateOf(bytes.subarray(0, length).toString('utf8'))
    return state && { state, length }
  } catch (error) {
    const line = error instanceof TypeError ? error.message : ''
    throw new BulkError('bulk_journal_malformed', { file: path, line }, { cause: error })
  }
}

/** A journal that this process writes on. Every line is on the disk when its call returns. */
export interface Journal {
  readonly path: string
  secret(secret: RunSecret): Promise<void>
  batch(entry: BatchEntry): Promise<void>
  finished(): Promise<void>
  close(): Promise<void>
}

const unwritable = (path: string, error: unknown): BulkError =>
  error instanceof BulkError
    ? error
    : new BulkError('bulk_journal_unwritable', { file: path, reason: systemCode(error) }, { cause: error })

function journalOver(path: string, handle: FileHandle, begun: number): Journal {
  let length = begun
  const line = async (value: object) => {
    const bytes = Buffer.from(`${JSON.stringify(value)}\n`)
    try {
      await writeAll(handle, bytes, length)
      await handle.datasync()
    } catch (error) {
      throw unwritable(path, error)
    }
    length += bytes.length
  }
  return {
    path,
    secret: secret => line({ secret }),
    batch: line,
    finished: () => line({ finished: true }),
    close: () => handle.close(),
  }
}

/** Makes the entry of a new file in its folder last. Where folders cannot be opened, the system sees to it. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), constants.O_RDONLY).catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}

/** Begins a journal with its header. What stands there must be no journal. */
export async function createJournal(path: string, header: JournalHeader): Promise<Journal> {
  try {
    const handle = await createOwnFile(path)
    const bytes = Buffer.from(`${JSON.stringify(header)}\n`)
    await writeAll(handle, bytes, 0)
    await handle.sync()
    await syncFolder(path)
    return journalOver(path, handle, bytes.length)
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** Goes on with a journal after its last whole line, which ends at `length`. */
export async function continueJournal(path: string, length: number): Promise<Journal> {
  try {
    const handle = await openOwnFile(path)
    await handle.truncate(length)
    return journalOver(path, handle, length)
  } catch (error) {
    throw unwritable(path, error)
  }
}
