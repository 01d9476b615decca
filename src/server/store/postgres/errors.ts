import pg from 'pg'
import { StoreUnavailable } from '../../domain/ports/store-unavailable.ts'

/**
 * Why a statement was not done, though nothing is wrong with it:
 * - `conflict`: it was rolled back for others' sake, with all of its transaction, and may succeed when that runs again;
 * - `lost`: the connection is gone; what it was at is rolled back, unless that was a commit;
 * - `busy`: the database refuses it for now.
 */
export type Hindrance = 'conflict' | 'lost' | 'busy'

/** PostgreSQL did not do a statement, though nothing is wrong with it. */
export class PostgresUnavailable extends StoreUnavailable {
  readonly hindrance: Hindrance

  constructor(hindrance: Hindrance, words: string) {
    super(`PostgreSQL: ${words}`)
    this.name = 'PostgresUnavailable'
    this.hindrance = hindrance
  }
}

/** A statement that PostgreSQL refused, in words that hold none of its values. */
export class StatementRefused extends Error {
  /** SQLSTATE, PostgreSQL's appendix A. */
  readonly code: string

  constructor(code: string, words: string) {
    super(`PostgreSQL: ${words} (${code})`)
    this.name = 'StatementRefused'
    this.code = code
  }
}

const conflicts = new Set(['40001', '40P01'])
/** What says that the database has no capacity, is going down or coming up, or may not be written to now. */
const hindrances = /^(?:08...|53...|57014|57P..|55P03|25006|25P03|40003|58...)$/
/** Classes whose messages quote no values: those of connections, states, rights, syntax and resources. */
const quotesNothing = /^(?:08|0A|25|28|3D|40|42|53|54|55|57|58)/

/** Whether a statement was prepared before a migration, and gives other columns now. */
export const isStalePlan = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code === '0A000' && error.routine === 'RevalidateCachedQuery'

/** What callers are told of an error of pg: never a password or a value. */
export function toldOf(error: unknown): Error {
  // A value of the answer that can't be read here.
  if (error instanceof RangeError) return error
  if (!(error instanceof pg.DatabaseError)) return new PostgresUnavailable('lost', wordsOf(error))
  const { code = '', message, severity, table, constraint, column, routine } = error
  if (severity !== 'ERROR') return new PostgresUnavailable('lost', `${message} (${code})`)
  if (conflicts.has(code) || isStalePlan(error)) return new PostgresUnavailable('conflict', `${message} (${code})`)
  if (hindrances.test(code)) return new PostgresUnavailable('busy', `${message} (${code})`)
  const where = [routine, table, constraint, column].filter(part => part !== undefined).join(', ')
  return new StatementRefused(code, quotesNothing.test(code) ? message : where)
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed'
  // Several addresses of one host have an error each, and the whole has no words.
  const [first] = error instanceof AggregateError ? error.errors : []
  return error.message || (first instanceof Error ? first.message : error.name)
}
