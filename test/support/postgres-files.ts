// A set-up file of the projects on PostgreSQL: where the databases of a file's tests come from, and where they go.

import { afterAll, inject } from 'vitest'
import { dropTestDatabases } from './database.ts'

process.env.HUFU_TEST_POSTGRES_TEMPLATE = inject('postgresTemplate')
afterAll(dropTestDatabases)
