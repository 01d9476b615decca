import { defineConfig } from 'vitest/config'
import { lacksPostgres } from './test/support/postgres-cluster.ts'
import { onPostgres, shared } from './test/support/projects.ts'

/** What `npm test` runs on PostgreSQL as well: the tests of what a database can get wrong. */
const chosen = ['test/server/store/**/*.test.ts']

/** `npm test`: everything on SQLite, and what the database matters most to on PostgreSQL as well. */
export default defineConfig({
  test: {
    globalSetup: ['test/support/build-dist.ts'],
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: 'sqlite', include: ['test/**/*.test.ts'], exclude: ['test/hidraw/**'] } },
      ...(lacksPostgres() ? [] : onPostgres(chosen)),
    ],
  },
})
