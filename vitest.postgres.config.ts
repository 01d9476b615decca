import { defineConfig } from 'vitest/config'
import { databaseTests } from './test/support/database-tests.ts'
import { lacksPostgres } from './test/support/postgres-cluster.ts'
import { onPostgres } from './test/support/projects.ts'

/** `npm run test:postgres`: all tests for which it matters what the data is kept in; `--project` chooses how. */
export default defineConfig({
  test: {
    globalSetup: ['test/support/build-dist.ts'],
    maxWorkers: 2,
    projects: lacksPostgres() ? [] : onPostgres(databaseTests()),
  },
})
