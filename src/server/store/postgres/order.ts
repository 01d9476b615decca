import { CompiledQuery } from 'kysely'
import { SchemaUnfit } from '../../domain/ports/store-unavailable.ts'
import type { MigratedDatabase } from '../migrate.ts'

/** Pairs that languages order otherwise than UTF-8's bytes do: by letters first, and signs last or not at all. */
const question = CompiledQuery.raw(
  "select 'B' < 'a' and 'a.b' < 'a0' and 'z' < '\u00e4' and 'a\uffee' < 'a\u{10ffff}' as is_bytewise",
)

/** Whether the database's own order of texts is that of their bytes. */
export async function isBytewise(db: MigratedDatabase): Promise<boolean> {
  const { rows } = await db.executeQuery<{ is_bytewise: boolean }>(question)
  return rows[0]?.is_bytewise === true
}

/**
 * Lists go on by user name, and find what begins with a prefix, by the order of an index: it must be that of SQLite.
 * @throws {SchemaUnfit} when the database's own order of texts is another one
 */
export async function refuseOtherOrder(db: MigratedDatabase): Promise<void> {
  if (await isBytewise(db)) return
  throw new SchemaUnfit(
    "the database orders texts by a language, and hufud needs the order of their bytes. Make another one: create database NAME template template0 encoding 'UTF8' locale 'C'.",
  )
}
