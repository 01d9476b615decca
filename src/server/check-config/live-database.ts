import { inspectPostgres } from '../app.ts'
import type { DatabaseConfig } from '../config/config.ts'
import { StoreUnavailable } from '../domain/ports/store-unavailable.ts'
import { type ConfigCheck, check } from './check.ts'

const tell = (state: ConfigCheck['state'], words: string, fix: readonly string[] = []): ConfigCheck =>
  check('live', 'database', state, words, fix)

const list = (migrations: readonly { readonly name: string }[]): string => migrations.map(({ name }) => name).join(', ')

/** Connects to PostgreSQL, and tells its version, whether it can be written to, and what of the schema is missing. */
export async function checkDatabase(database: DatabaseConfig): Promise<ConfigCheck[]> {
  if (database.engine === 'sqlite') return []
  try {
    const { version, isWritable, isBytewise, schema } = await inspectPostgres(database.url)
    return [
      tell('ok', `PostgreSQL ${version} answers`),
      ...describeWritable(isWritable),
      ...describeOrder(isBytewise),
      ...describeSchema(schema),
    ]
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    return [tell('fail', error.message, ['Look whether it runs, and at its address, user, password and certificate.'])]
  }
}

const describeWritable = (isWritable: boolean): ConfigCheck[] =>
  isWritable
    ? [tell('ok', 'it can be written to')]
    : [tell('fail', 'it can’t be written to', ['Give the address of the primary, not of a standby.'])]

const describeOrder = (isBytewise: boolean): ConfigCheck[] =>
  isBytewise
    ? []
    : [
        tell('fail', 'it orders texts by a language, and hufud needs the order of their bytes', [
          "Make another one: create database NAME template template0 encoding 'UTF8' locale 'C'",
        ]),
      ]

function describeSchema({ pending, unknown }: Awaited<ReturnType<typeof inspectPostgres>>['schema']): ConfigCheck[] {
  const missing = pending.filter(({ kind }) => kind === 'expand')
  const removed = unknown.filter(({ kind }) => kind === 'contract')
  if (removed.length > 0) {
    return [tell('fail', `a newer hufud has changed the schema (${list(removed)})`, ['Run that release here, too.'])]
  }
  if (missing.length > 0) return [tell('fail', `migrations are pending: ${list(pending)}`, ['Run: hufud migrate'])]
  if (pending.length > 0) {
    const remedy = 'Run hufud migrate --contract once no hufud of the release before is running.'
    return [tell('info', `held back: ${list(pending)}`, [remedy])]
  }
  return [tell('ok', 'its schema is up to date')]
}
