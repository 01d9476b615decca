import { type Kysely, type Migration, Migrator } from 'kysely'
import * as accounts from './migrations/0001-accounts.ts'
import * as messages from './migrations/0002-messages.ts'
import * as admin from './migrations/0003-admin.ts'
import type { Tables } from './schema.ts'

/** All migrations, in the order in which they run. One that has landed never changes. */
const migrations: Record<string, Migration> = {
  '0001-accounts': accounts,
  '0002-messages': messages,
  '0003-admin': admin,
}

/** The names of all migrations, in their order. */
export const migrationNames: readonly string[] = Object.keys(migrations)

/** Brings the schema up to date, one transaction for all. @throws the first error of a migration. */
export async function migrate(db: Kysely<Tables>): Promise<readonly string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error, results } = await migrator.migrateToLatest()
  if (error) throw error
  return (results ?? []).map(result => result.migrationName)
}
