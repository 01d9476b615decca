import type { DatabaseConfig } from '../../config/config.ts'
import type { TransferDatabase } from '../../domain/ports/transfer.ts'
import { migrationNames } from '../migrate.ts'
import { transferTables } from '../tables.ts'

/** What a database of this program consists of. */
export const transferSchema: Pick<TransferDatabase, 'tables' | 'migrations'> = {
  tables: transferTables,
  migrations: migrationNames,
}

/**
 * Opens a database that is there, to move what is in it or to fill it.
 * @throws when it can't be reached
 */
export async function openTransfer(database: DatabaseConfig): Promise<TransferDatabase> {
  if (database.engine === 'sqlite') {
    const { openSqliteTransfer } = await import('./sqlite-transfer.ts')
    return openSqliteTransfer(database.path)
  }
  const { openPostgresTransfer } = await import('./postgres-transfer.ts')
  return openPostgresTransfer(database.url)
}
