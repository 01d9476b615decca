import { readFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { ratePerSecond } from './measure.ts'

/**
 * How many commits `work` takes that nothing else is done beside. The write-ahead log is emptied before, so that it does
 * not begin anew while it is counted; `work` must not fill it.
 */
export async function countCommits(database: string, work: () => Promise<void>): Promise<number> {
  const other = new Database(database)
  other.pragma('busy_timeout = 5000')
  other.pragma('wal_checkpoint(TRUNCATE)')
  other.close()
  await work()
  return commitsIn(readFileSync(`${database}-wal`))
}

/** The commits that a SQLite write-ahead log holds: frames of its current salt that say how large the database is. */
function commitsIn(log: Buffer): number {
  if (log.length < 32) return 0
  const frame = 24 + log.readUInt32BE(8)
  let commits = 0
  for (let at = 32; at + frame <= log.length; at += frame) {
    if (log.compare(log, 16, 24, at + 8, at + 16) !== 0) break
    if (log.readUInt32BE(at + 4) !== 0) commits += 1
  }
  return commits
}

/** One row per commit, as durable as hufud's. */
export function openCommitter(folder: string) {
  const database = new Database(`${folder}/bare.db`)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec('create table if not exists rows (id integer primary key, value text)')
  const insert = database.prepare('insert into rows (value) values (?)')
  return {
    rate: (milliseconds: number) => ratePerSecond(milliseconds, 1, async () => insert.run('x'.repeat(100)).changes),
    close: () => database.close(),
  }
}
