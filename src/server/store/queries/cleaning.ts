import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { RemovedKind } from '../../domain/ports/removed-kinds.ts'
import type { CleaningQueries } from '../../domain/ports/store.ts'
import type { Handle } from '../handle.ts'

/** How the rows of a kind that have had their time are found: by an index on `time`. */
interface Removal {
  readonly table: string
  readonly key: string
  readonly time: string
  /** More that must hold of a row. */
  readonly also?: (before: number) => RawBuilder<SqlBool>
}

/** That no row of `table` refers to one of `parent`. */
const unreferred = (parent: string, table: string, column: string): RawBuilder<SqlBool> =>
  sql<SqlBool>`not exists (select 1 from ${sql.table(table)} where ${sql.ref(`${table}.${column}`)} = ${sql.ref(`${parent}.id`)})`

const both = (a: RawBuilder<SqlBool>, b: RawBuilder<SqlBool>): RawBuilder<SqlBool> => sql<SqlBool>`${a} and ${b}`
const unblocked = (before: number) => sql<SqlBool>`blocked_until < ${before}`

const removals: Readonly<Record<Exclude<RemovedKind, 'bulk_rows'>, Removal>> = {
  wechat_authorisations: { table: 'wechat_authorisations', key: 'state_hash', time: 'expires_at' },
  bindings: {
    table: 'bindings',
    key: 'id',
    time: 'expires_at',
    also: () => unreferred('bindings', 'wechat_authorisations', 'binding_id'),
  },
  challenges: {
    table: 'challenges',
    key: 'id',
    time: 'expires_at',
    also: () => unreferred('challenges', 'bindings', 'challenge_id'),
  },
  codes: { table: 'codes', key: 'id', time: 'expires_at' },
  logins: { table: 'logins', key: 'id', time: 'expires_at' },
  sessions: {
    table: 'sessions',
    key: 'id',
    time: 'expires_at',
    also: () =>
      both(unreferred('sessions', 'challenges', 'session_id'), unreferred('sessions', 'bindings', 'session_id')),
  },
  enrolment_links: {
    table: 'enrolment_links',
    key: 'id',
    time: 'expires_at',
    also: () => unreferred('enrolment_links', 'sessions', 'enrolment_link_id'),
  },
  service_credentials: {
    table: 'service_credentials',
    key: 'id',
    time: 'expires_at',
    also: () => unreferred('service_credentials', 'bulk_runs', 'credential_id'),
  },
  reversals: { table: 'reversals', key: 'id', time: 'expires_at' },
  pushes: { table: 'pushes', key: 'key', time: 'received_at' },
  // These two conditions are those of the indexes, to the letter.
  throttles: {
    table: 'throttles',
    key: 'key',
    time: 'last_failure_at',
    also: before => both(sql<SqlBool>`substr(key, 1, 6) <> 'guess:'`, unblocked(before)),
  },
  guess_throttles: {
    table: 'throttles',
    key: 'key',
    time: 'last_failure_at',
    also: before => both(sql<SqlBool>`substr(key, 1, 6) = 'guess:'`, unblocked(before)),
  },
  outbox: { table: 'outbox', key: 'id', time: 'created_at', also: before => sql<SqlBool>`not_after < ${before}` },
  events: { table: 'events', key: 'id', time: 'at' },
}

async function remove(db: Handle, { table, key, time, also }: Removal, before: number, limit: number): Promise<number> {
  const isOver = sql<SqlBool>`${sql.ref(time)} < ${before}`
  const condition = also ? both(isOver, also(before)) : isOver
  // The condition once more, for a database in which a row may have been written since it was found.
  const { numAffectedRows } = await sql`delete from ${sql.table(table)} where ${sql.ref(key)} in
    (select ${sql.ref(key)} from ${sql.table(table)} where ${condition} order by ${sql.ref(time)} limit ${limit})
    and ${condition}`.execute(db)
  return Number(numAffectedRows ?? 0)
}

/**
 * Rows of one run that was finished before `before`, and is not being undone. An unfinished run keeps its rows: whoever
 * goes on with it must not have them applied twice.
 */
async function removeBulkRows(db: Handle, before: number, limit: number): Promise<number> {
  const run = await db
    .selectFrom('bulk_runs as run')
    .select('run.id')
    .where('run.finished_at', '<', before)
    .where(({ exists, selectFrom }) =>
      exists(selectFrom('bulk_rows').select('row_number').whereRef('run_id', '=', 'run.id')),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('bulk_runs as undoing')
            .select('undoing.id')
            .whereRef('undoing.undoes', '=', 'run.id')
            .where('undoing.finished_at', 'is', null),
        ),
      ),
    )
    .orderBy('run.finished_at')
    .limit(1)
    .executeTakeFirst()
  if (!run) return 0
  const { numDeletedRows } = await db
    .deleteFrom('bulk_rows')
    .where('run_id', '=', run.id)
    .where(({ eb, selectFrom }) =>
      eb(
        'row_number',
        'in',
        selectFrom('bulk_rows').select('row_number').where('run_id', '=', run.id).orderBy('row_number').limit(limit),
      ),
    )
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}

export const cleaningQueries = (db: Handle): CleaningQueries => ({
  remove: (kind, before, limit) =>
    kind === 'bulk_rows' ? removeBulkRows(db, before, limit) : remove(db, removals[kind], before, limit),
})
