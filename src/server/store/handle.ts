import type { Kysely, Transaction } from 'kysely'
import type { Tables } from './schema.ts'

/** What queries run on: the database, or a transaction of it. */
export type Handle = Kysely<Tables> | Transaction<Tables>
