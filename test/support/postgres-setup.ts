import type { TestProject } from 'vitest/node'
import { systemClock } from '../../src/lib/clock.ts'
import { migrateDatabase } from '../../src/server/store/open-store.ts'
import { type PostgresCluster, startPostgres } from './postgres-cluster.ts'
import { databaseConfig } from './store-at.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of a database with an up-to-date schema and nothing in it, of which each test gets a copy. */
    postgresTemplate: string
  }
}

let cluster: PostgresCluster

/** Before the tests of a project that runs on PostgreSQL: a cluster for all of them, as `HUFU_TEST_DATABASE` says. */
export async function setup(project: TestProject): Promise<void> {
  const isSerializable = project.config.env.HUFU_TEST_DATABASE === 'postgres-serializable'
  cluster = await startPostgres(isSerializable ? { settings: { default_transaction_isolation: 'serializable' } } : {})
  const template = cluster.url('hufud')
  await migrateDatabase(databaseConfig(template), { contract: false, clock: systemClock })
  project.provide('postgresTemplate', template)
}

export const teardown = () => cluster.close()
