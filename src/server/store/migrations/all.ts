import * as accounts from './0001-accounts.ts'
import * as messages from './0002-messages.ts'
import * as admin from './0003-admin.ts'
import * as outboxExpiry from './0004-outbox-expiry.ts'

/**
 * `expand`: safe while processes of the release before are running; it adds tables, columns that may be left out, and
 * indexes. `contract`: whatever is not, for when none of them runs any more. docs/adr/0008-migrations.md
 */
export type MigrationKind = 'expand' | 'contract'

/** One step from schema to schema. */
export interface SchemaMigration {
  /** Names sort in the order in which migrations run. */
  readonly name: string
  readonly kind: MigrationKind
  readonly statements: readonly string[]
}

/** All migrations, in the order in which they run. One that has landed never changes. */
export const migrations: readonly SchemaMigration[] = [
  { name: '0001-accounts', ...accounts },
  { name: '0002-messages', ...messages },
  { name: '0003-admin', ...admin },
  { name: '0004-outbox-expiry', ...outboxExpiry },
]
