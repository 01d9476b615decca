import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import type { DatabaseConfig } from '../../../src/server/config/config.ts'
import type { Counters } from '../../../src/server/domain/ports/counters.ts'
import type { Store } from '../../../src/server/domain/ports/store.ts'
import { StoreUnavailable } from '../../../src/server/domain/ports/store-unavailable.ts'
import { migrateDatabase, openStore } from '../../../src/server/store/open-store.ts'
import { lacksPostgres, type PostgresCluster, startPostgres } from '../../support/postgres-cluster.ts'
import { databaseConfig } from '../../support/store-at.ts'
import { until } from '../../support/until.ts'

/** The processes that serve connections of hufud, but this one's own. */
const backends = "from pg_stat_activity where application_name = 'hufud' and datname = current_database()"

describe.skipIf(lacksPostgres())('transactions on PostgreSQL', () => {
  let cluster: PostgresCluster
  let operator: pg.Client
  let store: Store
  let retried: string[]

  const counters: Counters = {
    count: (name, labels) => {
      if (name === 'transactions_retried' && 'reason' in labels) retried.push(labels.reason)
    },
  }
  const open = (members: Partial<DatabaseConfig> = {}) =>
    openStore({ ...databaseConfig(cluster.url('hufud')), ...members } as DatabaseConfig, {
      random: systemRandom,
      counters,
    })
  const write = (name: string, value = 1) =>
    store.transaction(queries => queries.settings.write(name, Uint8Array.of(1), value))
  const kept = async (name: string) => (await store.read.settings.read(name))?.expiresAt

  beforeAll(async () => {
    cluster = await startPostgres({ settings: { deadlock_timeout: 50 } })
    await migrateDatabase(databaseConfig(cluster.url('hufud')), { contract: false, clock: systemClock })
    operator = new pg.Client(cluster.url('hufud', 'postgres'))
    await operator.connect()
    store = await open()
  })
  beforeEach(() => {
    retried = []
  })
  afterAll(async () => {
    await store?.close()
    await operator?.end()
    await cluster?.close()
  })

  test('a connection that is lost before COMMIT loses nothing: the body runs again', async () => {
    let runs = 0
    await store.transaction(async queries => {
      runs += 1
      await queries.settings.write('lost', Uint8Array.of(1), runs)
      if (runs === 1)
        await operator.query(`select pg_terminate_backend(pid) ${backends} and state = 'idle in transaction'`)
      await queries.settings.write('lost too', Uint8Array.of(1), runs)
    })
    expect(runs).toBe(2)
    expect(retried).toEqual(['lost'])
    expect([await kept('lost'), await kept('lost too')]).toEqual([2, 2])
  })

  test('one that is lost in the middle of COMMIT is not repeated, since nobody knows', async () => {
    await operator.query(`create function wait() returns trigger language plpgsql as
      $$ begin if new.name = 'uncertain' then perform pg_sleep(30); end if; return null; end $$`)
    await operator.query(`create constraint trigger waits after insert on settings
      deferrable initially deferred for each row execute function wait()`)
    let runs = 0
    const writing = store.transaction(async queries => {
      runs += 1
      await queries.settings.write('uncertain', Uint8Array.of(1), 1)
    })
    const failure = writing.catch(error => error)
    await until('a COMMIT to end', async () => {
      const ended = await operator.query(
        `select pg_terminate_backend(pid) ${backends} and query = 'commit' and state = 'active'`,
      )
      return ended.rowCount === 1 || undefined
    })
    expect(await failure).toBeInstanceOf(StoreUnavailable)
    expect((await failure).message).toContain('unknown')
    expect([runs, retried]).toEqual([1, []])
    await operator.query('drop trigger waits on settings')
  })

  test('connections that ended in the pool are noticed by nobody', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, index) => write(`before-${index}`)))
    await operator.query(`select pg_terminate_backend(pid) ${backends}`)
    await Promise.all(Array.from({ length: 8 }, (_, index) => write(`after-${index}`)))
    expect(await kept('after-7')).toBe(1)
  })

  test('a body that goes on after a failed statement is not taken for committed', async () => {
    const link = { id: 'x', account_id: 'nobody', secret_hash: 'x', created_at: 1, expires_at: 1, purpose: 'password' }
    await expect(
      store.transaction(async queries => {
        await queries.links.insert(link).catch(() => {})
      }),
    ).rejects.toThrow('not committed')
  })

  test('what PostgreSQL says of a refused statement holds no values', async () => {
    const link = {
      id: 'x',
      account_id: 'zq-secret',
      secret_hash: 'x',
      created_at: 1,
      expires_at: 1,
      purpose: 'zq-secret',
    }
    const error: unknown = await store.read.links.insert(link).catch(caught => caught)
    expect(error).toMatchObject({ name: 'StatementRefused', code: '23503' })
    expect(JSON.stringify([error, Object.getOwnPropertyNames(error), String(error)])).not.toContain('zq-secret')
  })

  test('rivals that deadlock both get through', async () => {
    await write('a', 0)
    await write('b', 0)
    const both = (first: string, second: string) =>
      store.transaction(async queries => {
        const add = async (name: string) => {
          const { expiresAt = 0 } = (await queries.settings.read(name)) ?? {}
          await queries.settings.write(name, Uint8Array.of(1), expiresAt + 1)
        }
        await add(first)
        await operator.query('select 1')
        await add(second)
      })
    await Promise.all(Array.from({ length: 6 }, (_, index) => (index % 2 ? both('a', 'b') : both('b', 'a'))))
    expect(retried).toContain('conflict')
  })

  test('a queue that nobody empties is told, and the pool is whole again after', async () => {
    const small = await open({ connections: 1 })
    const holding = small.transaction(async () => {
      await operator.query('select pg_sleep(6)')
    })
    expect(await small.ping().catch(error => error)).toBeInstanceOf(StoreUnavailable)
    expect(small.connections?.()).toEqual({ open: 1, inUse: 1, waiting: 1 })
    const error: unknown = await small.read.settings.read('a').catch(caught => caught)
    expect(error).toBeInstanceOf(StoreUnavailable)
    await holding
    await small.ping()
    await small.close()
  })

  test('a statement that takes too long, or waits for a row too long, is told as what may be tried again', async () => {
    await write('held')
    await operator.query("begin; update settings set expires_at = 2 where name = 'held'")
    const impatient = await open({ statementTimeout: 200 })
    const failure: unknown = await impatient
      .transaction(queries => queries.settings.write('held', Uint8Array.of(1), 3))
      .catch(error => error)
    expect(failure).toBeInstanceOf(StoreUnavailable)
    await operator.query('rollback')
    await impatient.close()
    expect(await kept('held')).toBe(1)
  })

  test('a database that can’t be written to is not ready', async () => {
    await store.ping()
    await operator.query('alter database hufud set default_transaction_read_only = on')
    const standby = await open()
    await expect(standby.ping()).rejects.toThrow('can’t be written to')
    const writing: unknown = await standby
      .transaction(queries => queries.settings.write('x', Uint8Array.of(1), 1))
      .catch(error => error)
    expect(writing).toBeInstanceOf(StoreUnavailable)
    await standby.close()
    await operator.query('alter database hufud reset default_transaction_read_only')
  })

  test('numbers come as numbers, bytes as bytes, and what a number can’t hold is refused', async () => {
    await operator.query(
      "insert into settings values ('types', '\\x00ff', 9007199254740991), ('beyond', '', 9007199254740992)",
    )
    expect(await store.read.settings.read('types')).toEqual({
      sealedValue: Uint8Array.of(0, 255),
      expiresAt: 2 ** 53 - 1,
    })
    await expect(store.read.settings.read('beyond')).rejects.toThrow(RangeError)
    expect(pg.types.getTypeParser(20)('1')).toBe('1')
  })

  test('a table that gets another column meanwhile does not stop prepared statements', async () => {
    const find = () => store.read.throttles.find('nothing')
    await Promise.all(Array.from({ length: 10 }, find))
    await operator.query('alter table throttles add column later bigint')
    await Promise.all(Array.from({ length: 30 }, find))
    await store.transaction(queries => queries.throttles.find('nothing'))
    await operator.query('alter table throttles drop column later')
    await store.transaction(async queries => {
      await queries.throttles.find('nothing')
      await queries.settings.write('still', Uint8Array.of(1), 5)
    })
    expect(await kept('still')).toBe(5)
  })
})
