import { chmodSync, closeSync, openSync } from 'node:fs'
import { type ConnectionProvider, Kysely } from 'kysely'
import type { DatabaseConfig } from '../config/config.ts'
import type { Queries, Store } from '../domain/ports/store.ts'
import { GroupCommit } from './group-commit.ts'
import type { Handle } from './handle.ts'
import { migrate } from './migrate.ts'
import { accountQueries } from './queries/accounts.ts'
import { auditQueries } from './queries/audit.ts'
import { authenticatorQueries } from './queries/authenticators.ts'
import { bindingQueries } from './queries/bindings.ts'
import { bulkQueries } from './queries/bulk.ts'
import { directoryQueries } from './queries/directory.ts'
import { figureQueries } from './queries/figures.ts'
import { linkQueries, settingQueries } from './queries/links-and-settings.ts'
import { loginQueries, sessionQueries } from './queries/logins-and-sessions.ts'
import { outboxQueries, providerHealthQueries } from './queries/outbox.ts'
import { eventQueries, throttleQueries } from './queries/records.ts'
import { reversalQueries } from './queries/reversals.ts'
import { serviceTokenQueries } from './queries/service-tokens.ts'
import { challengeQueries, codeQueries } from './queries/step-up.ts'
import { wechatAuthorisationQueries } from './queries/wechat-authorisations.ts'
import type { Tables } from './schema.ts'
import { SqliteDialect } from './sqlite-dialect.ts'

const queriesOn = (db: Handle): Queries => ({
  accounts: accountQueries(db),
  sessions: sessionQueries(db),
  logins: loginQueries(db),
  challenges: challengeQueries(db),
  codes: codeQueries(db),
  bindings: bindingQueries(db),
  wechatAuthorisations: wechatAuthorisationQueries(db),
  authenticators: authenticatorQueries(db),
  throttles: throttleQueries(db),
  events: eventQueries(db),
  outbox: outboxQueries(db),
  figures: figureQueries(db),
  providerHealth: providerHealthQueries(db),
  links: linkQueries(db),
  reversals: reversalQueries(db),
  settings: settingQueries(db),
  directory: directoryQueries(db),
  serviceTokens: serviceTokenQueries(db),
  audit: auditQueries(db),
  bulk: bulkQueries(db),
})

/** Creates the file of a database, readable and writable by its owner alone, before SQLite would with a wider mode. */
function createPrivateFile(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

/**
 * Opens the SQLite database at `path` and brings its schema up to date.
 * @throws when the file can't be opened, or was written by a newer hufud.
 */
export async function openSqliteStore(path: string): Promise<Store> {
  createPrivateFile(path)
  const dialect = new SqliteDialect(path)
  const db = new Kysely<Tables>({ dialect })
  await migrate(db)
  const executor = db.getExecutor()
  const driver = dialect.createDriver()
  const groups = new GroupCommit(dialect.turns, (provider: ConnectionProvider) =>
    queriesOn(
      new Kysely<Tables>({
        config: { dialect },
        dialect,
        driver,
        executor: executor.withConnectionProvider(provider),
      }),
    ),
  )
  return {
    read: queriesOn(db),
    transaction: body => groups.transaction(body),
    ping: async () => {
      await db.selectFrom('settings').select('name').limit(1).execute()
    },
    close: () => db.destroy(),
  }
}

/**
 * Opens the configured database.
 * @throws when it can't be reached, or its schema is not one that this program works with.
 */
export async function openStore(database: DatabaseConfig): Promise<Store> {
  if (database.engine === 'sqlite') return openSqliteStore(database.path)
  throw new Error('PostgreSQL is not supported yet')
}
