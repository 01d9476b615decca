import type { TransferDatabase } from '../domain/ports/transfer.ts'
import type { SecretKeys } from '../domain/secret-keys.ts'
import { headerText, longestLine, Tally } from './frame.ts'
import type { Progress } from './progress.ts'
import { rowText } from './row-text.ts'
import { TransferError } from './transfer-error.ts'

export interface ExportParts {
  readonly database: TransferDatabase
  readonly keys: Pick<SecretKeys, 'hashText'>
  /** Resolves when more may be written. */
  write(text: string): Promise<void>
  readonly progress: Progress
  readonly stop: AbortSignal
}

/**
 * Writes everything that is in a database at one moment, a page of rows at a time.
 * @returns how many rows
 * @throws {TransferError} when the database is not at this program's migrations, or `stop` has aborted
 */
export async function exportAll({ database, keys, write, progress, stop }: ExportParts): Promise<number> {
  await requireSchema(database)
  const tally = new Tally()
  return database.snapshot(async rows => {
    const header = headerText(database, keys)
    tally.header(header)
    await write(header)
    for (const table of database.tables) {
      const text = rowText(table)
      let count = 0
      for await (const page of rows.read(table)) {
        if (stop.aborted) throw new TransferError('stopped before the end; nothing was kept.')
        const lines = page.map(text.write)
        if (lines.some(line => line.length > longestLine / 3 && Buffer.byteLength(line) > longestLine)) {
          throw new TransferError(`a row of ${table.name} takes more than ${longestLine} bytes, which no import reads.`)
        }
        const whole = lines.join('')
        tally.rows(table, whole, page.length)
        count += page.length
        await write(whole)
        progress.moved(table.name, count)
      }
      progress.done(table.name, count)
    }
    await write(tally.trailerText(database.tables, keys))
    return tally.count
  })
}

/** @throws {TransferError} where the database has other migrations than this program */
async function requireSchema(database: TransferDatabase): Promise<void> {
  const applied = await database.appliedMigrations()
  if (applied.length === 0) throw new TransferError('there is no database of hufud.')
  const missing = database.migrations.filter(name => !applied.includes(name))
  const unknown = applied.filter(name => !database.migrations.includes(name))
  if (unknown.length > 0) {
    throw new TransferError('the database was written by a newer hufud. Export it with that one.')
  }
  if (missing.length > 0) {
    throw new TransferError(
      `the database has not had the migration ${missing.join(', ')} yet. Start this hufud on it once (hufud serve), or export it with the one that serves it.`,
    )
  }
}
