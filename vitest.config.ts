import { defineConfig } from 'vitest/config'
import { databaseTests } from './test/support/database-tests.ts'
import { lacksPostgres } from './test/support/postgres-cluster.ts'
import { onPostgres, shared } from './test/support/projects.ts'

/** What `npm test` runs on PostgreSQL as well: what a database lets happen at the same time. CI runs the rest there, too. */
const chosen = /\/(e2e\/fleet|domain\/(.*races|outbox-claims|step-up|bulk\/rebinding))\.test\.ts$/

/** What runs once more with each transaction repeated: the main flows, in the process of the tests. */
const repeated = ['bindings', 'logins', 'outbox', 'reversals', 'security-keys', 'step-up', 'wechat-scans']

/** `npm test`: everything on SQLite, and what the database matters most to on PostgreSQL as well. */
export default defineConfig({
  test: {
    globalSetup: ['test/support/build-dist.ts'],
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: 'sqlite', include: ['test/**/*.test.ts'], exclude: ['test/hidraw/**'] } },
      {
        test: {
          ...shared,
          name: 'repeated',
          include: repeated.map(name => `test/server/domain/${name}.test.ts`),
          env: { HUFU_TEST_REPEAT_TRANSACTIONS: '1' },
        },
      },
      ...(lacksPostgres() ? [] : onPostgres(databaseTests().filter(file => chosen.test(file)))),
    ],
  },
})
