/** Why a file of rebindings, its journal or its run is not gone on with. */
export const bulkErrorCodes = [
  'bulk_not_a_file',
  'bulk_empty',
  'bulk_not_utf8',
  'bulk_header_malformed',
  'bulk_delimiter',
  'bulk_column_unknown',
  'bulk_column_twice',
  'bulk_column_missing',
  'bulk_too_many_rows',
  'bulk_file_changed',
  'bulk_results_needed',
  'bulk_results_is_file',
  'bulk_results_unwritable',
  'bulk_place_taken',
  'bulk_results_changed',
  'bulk_rows_refused',
  'bulk_rows_failed',
  'bulk_undo_refused',
  'bulk_undo_failed',
  'bulk_journal_needed',
  'bulk_journal_locked',
  'bulk_journal_malformed',
  'bulk_journal_unwritable',
  'bulk_journal_other_file',
  'bulk_journal_other_options',
  'bulk_paused',
  'bulk_cancelled',
] as const
export type BulkErrorCode = (typeof bulkErrorCodes)[number]

export type BulkValues = Readonly<Record<string, string | number>>

/** A refusal with a stable code; `values` are what its sentence in the catalogues names. */
export class BulkError extends Error {
  override readonly name = 'BulkError'
  readonly code: BulkErrorCode
  readonly values: BulkValues

  constructor(code: BulkErrorCode, values: BulkValues = {}, options: ErrorOptions = {}) {
    super(code, options)
    this.code = code
    this.values = values
  }
}

/** A file that cannot be opened, in the words of the system. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError'
  readonly code = 'input_unreadable'
  readonly values: BulkValues

  constructor(source: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(reason, { cause })
    this.values = { source, reason }
  }
}

/** The code of a system error: `ENOENT` … */
export const systemCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
