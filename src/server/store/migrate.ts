import { CompiledQuery, type Kysely } from 'kysely'
import { isoTime } from '../../lib/clock.ts'
import { SchemaUnfit } from '../domain/ports/store-unavailable.ts'
import { type MigrationKind, migrations as ours, type SchemaMigration } from './migrations/all.ts'

/** What a database's schema is made of, against what this program knows. */
export interface SchemaState {
  /** Whether nothing has ever been applied. */
  readonly isNew: boolean
  /** Known here and not applied, in the order in which they run. */
  readonly pending: readonly SchemaMigration[]
  /** Applied by a newer program. */
  readonly unknown: readonly { readonly name: string; readonly kind: MigrationKind }[]
}

/** The names of all migrations, in their order. */
export const migrationNames: readonly string[] = ours.map(({ name }) => name)

/** Where migrations are noted: the first two have Kysely's form, in which the first releases wrote them. */
interface MigrationTables {
  kysely_migration: { name: string; timestamp: string }
  kysely_migration_lock: { id: string; is_locked: number }
  migration_kinds: { name: string; kind: string }
}

const lockId = 'migration_lock'
const preparations = [
  'create table if not exists kysely_migration (name varchar(255) primary key, timestamp varchar(255) not null)',
  'create table if not exists kysely_migration_lock (id varchar(255) primary key, is_locked integer default 0 not null)',
  'create table if not exists migration_kinds (name text primary key, kind text not null)',
  `insert into kysely_migration_lock (id, is_locked) values ('${lockId}', 0) on conflict do nothing`,
]

/** A database of any schema, for its migrations alone. */
export type MigratedDatabase = Kysely<MigrationTables>

/** Makes the tables in which migrations are noted, where there are none. Of two at once, one may fail and try again. */
export async function prepareForMigrations(db: MigratedDatabase): Promise<void> {
  for (const statement of preparations) await db.executeQuery(CompiledQuery.raw(statement))
}

/** What has been applied and what has not. @throws when nothing was ever noted: `prepareForMigrations` */
export async function readSchemaState(
  db: MigratedDatabase,
  migrations: readonly SchemaMigration[] = ours,
): Promise<SchemaState> {
  const rows = await db
    .selectFrom('kysely_migration')
    .leftJoin('migration_kinds', 'migration_kinds.name', 'kysely_migration.name')
    .select(['kysely_migration.name', 'migration_kinds.kind'])
    .orderBy('kysely_migration.name')
    .execute()
  const applied = new Set(rows.map(({ name }) => name))
  const known = new Set(migrations.map(({ name }) => name))
  return {
    isNew: rows.length === 0,
    pending: migrations.filter(({ name }) => !applied.has(name)),
    // Without a note of what it is, nothing can be known to be safe.
    unknown: rows
      .filter(({ name }) => !known.has(name))
      .map(({ name, kind }) => ({ name, kind: kind === 'expand' ? 'expand' : 'contract' })),
  }
}

/** What of the pending migrations is applied. */
export interface MigrationChoice {
  /** Whether `contract` ones are, too. To a new database all are, and all at once. */
  readonly contract: boolean
  /** How many at once, at most: their locks are held together. */
  readonly most: number
  /** Milliseconds since the Unix epoch. */
  readonly now: number
  /** Left out: this program's. */
  readonly migrations?: readonly SchemaMigration[] | undefined
}

/**
 * Applies the first of the pending migrations that are chosen, all of them or none.
 * @param transaction in which that is done
 * @returns those applied; none when there are none left
 * @throws the first error of a statement
 */
export async function applyMigrations(
  transaction: MigratedDatabase,
  { contract, most, now, migrations }: MigrationChoice,
): Promise<readonly SchemaMigration[]> {
  // A row's lock, as any database has it: whoever migrates at the same time waits here, and finds nothing left to do.
  await transaction.updateTable('kysely_migration_lock').set({ is_locked: 0 }).where('id', '=', lockId).execute()
  const { isNew, pending } = await readSchemaState(transaction, migrations)
  const chosen = isNew ? pending : pending.filter(({ kind }) => contract || kind === 'expand').slice(0, most)
  for (const { name, kind, statements } of chosen) {
    for (const statement of statements) await transaction.executeQuery(CompiledQuery.raw(statement))
    await transaction
      .insertInto('kysely_migration')
      .values({ name, timestamp: isoTime(now) })
      .execute()
    await transaction.insertInto('migration_kinds').values({ name, kind }).execute()
  }
  return chosen
}

const list = (migrations: readonly { readonly name: string }[]): string => migrations.map(({ name }) => name).join(', ')

/** @throws {SchemaUnfit} when a newer program has changed the schema by more than additions */
export function refuseNewer({ unknown }: SchemaState): void {
  const unsafe = unknown.filter(({ kind }) => kind === 'contract')
  if (unsafe.length === 0) return
  throw new SchemaUnfit(
    `the database was changed by a newer hufud in a way that this one can’t work with (${list(unsafe)}). Run that release, or put back a copy from before it.`,
  )
}

/** @throws {SchemaUnfit} when this program needs what the schema does not have yet */
export function refuseOlder({ pending }: SchemaState): void {
  const missing = pending.filter(({ kind }) => kind === 'expand')
  if (missing.length === 0) return
  throw new SchemaUnfit(
    `the database lacks what this release needs (${list(missing)}). Run hufud migrate with the same configuration, then start again; processes of the release before may go on meanwhile.`,
  )
}
