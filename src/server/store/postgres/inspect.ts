import { CompiledQuery, Kysely } from 'kysely'
import type { MigratedDatabase, SchemaState } from '../migrate.ts'
import { PostgresDialect } from './dialect.ts'
import { readPostgresSchema } from './migrate-postgres.ts'
import { isBytewise } from './order.ts'
import { PostgresPool } from './pool.ts'

/** What a PostgreSQL server tells of itself and of our schema in it. */
export interface PostgresInspection {
  /** Such as `15.13`. */
  readonly version: string
  readonly isWritable: boolean
  /** Whether it orders texts as hufud needs them. */
  readonly isBytewise: boolean
  readonly schema: SchemaState
}

const statementTimeout = 5_000

/** Connects and looks; nothing is changed. @throws {StoreUnavailable} when it can't be reached */
export async function inspectPostgres(url: string): Promise<PostgresInspection> {
  const pool = new PostgresPool(url, { connections: 1, statementTimeout, preparesStatements: false })
  const db = new Kysely({ dialect: new PostgresDialect(pool) }) as unknown as MigratedDatabase
  try {
    const show = async (name: string): Promise<string> => {
      const { rows } = await db.executeQuery<Record<string, unknown>>(CompiledQuery.raw(`show ${name}`))
      return String(Object.values(rows[0] ?? {})[0])
    }
    return {
      version: (await show('server_version')).split(' ')[0] ?? '',
      isWritable: (await show('transaction_read_only')) === 'off',
      isBytewise: await isBytewise(db),
      schema: await readPostgresSchema(db),
    }
  } finally {
    await db.destroy()
  }
}
