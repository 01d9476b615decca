import { migrateDatabase } from './app.ts'
import { type ConfigOptions, readConfig } from './config/load-config.ts'
import type { SystemContext } from './context.ts'

export interface MigrateOptions extends ConfigOptions {
  readonly contract?: true
  readonly json?: true
}

/** `hufud migrate`: brings the schema up to date and says what it did. */
export async function migrate(options: MigrateOptions, { clock, env, stdout }: SystemContext): Promise<void> {
  const { database } = await readConfig(options, env)
  const { applied, held } = await migrateDatabase(database, { contract: options.contract ?? false, clock })
  const named = (migrations: typeof applied) => migrations.map(({ name, kind }) => ({ name, kind }))
  if (options.json) {
    stdout(`${JSON.stringify({ event: 'result', ok: true, applied: named(applied), held: named(held) })}\n`)
    return
  }
  for (const { name, kind } of applied) stdout(`applied ${name} (${kind})\n`)
  if (applied.length === 0) stdout('Nothing to do: the schema is up to date.\n')
  if (held.length === 0) return
  const names = held.map(({ name }) => name).join(', ')
  stdout(`Held back: ${names}. Run hufud migrate --contract once no hufud of the release before is running.\n`)
}
