import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CompiledQuery, type ConnectionProvider, Kysely } from 'kysely'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Queries, Store } from '../../../src/server/domain/ports/store.ts'
import { GroupCommit, type GroupConnection } from '../../../src/server/store/group-commit.ts'
import { openSqliteStore } from '../../../src/server/store/open-store.ts'
import { SqliteDialect } from '../../../src/server/store/sqlite-dialect.ts'

let folder: string
let store: Store
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-groups-'))
  store = await openSqliteStore(join(folder, 'hufud.db'))
})
afterEach(async () => {
  vi.useRealTimers()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const write = (queries: Queries, name: string, value = 1) => queries.settings.write(name, Uint8Array.of(0), value)
const storedIn = async (from: Store, name: string) => (await from.read.settings.read(name))?.expiresAt
const outcomes = async (work: Promise<unknown>[]) => (await Promise.allSettled(work)).map(({ status }) => status)

/** What a database opened after a crash at this moment would hold. */
async function afterCrash<T>(look: (store: Store) => Promise<T>): Promise<T> {
  const image = mkdtempSync(join(folder, 'image-'))
  for (const name of ['hufud.db', 'hufud.db-wal']) copyFileSync(join(folder, name), join(image, name))
  const copy = await openSqliteStore(join(image, 'hufud.db'))
  try {
    return await look(copy)
  } finally {
    await copy.close()
  }
}

describe('transactions that are ready together', () => {
  test('one that fails changes nothing, before or after the others, which hold', async () => {
    const failing = (name: string) =>
      store.transaction(async queries => {
        await write(queries, name)
        throw new Error(`no ${name}`)
      })
    const good = (name: string) => store.transaction(queries => write(queries, name))
    const work = [failing('first'), good('second'), failing('third'), good('fourth')]
    await expect(work[0]).rejects.toThrow('no first')
    await expect(work[2]).rejects.toThrow('no third')
    expect(await outcomes(work)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
    for (const name of ['first', 'third']) expect(await storedIn(store, name)).toBeUndefined()
    for (const name of ['second', 'fourth']) expect(await storedIn(store, name)).toBe(1)
  })

  test('run in the order in which they came, each on what the ones before it left', async () => {
    const seen: number[] = []
    const increment = () =>
      store.transaction(async queries => {
        const before = (await queries.settings.read('count'))?.expiresAt ?? 0
        await write(queries, 'count', before + 1)
        return before
      })
    const work = Array.from({ length: 200 }, () => increment().then(before => seen.push(before)))
    await Promise.all(work)
    expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => index))
    expect(await storedIn(store, 'count')).toBe(200)
  })

  test('a guarded statement lets one of them win', async () => {
    const claim = () => store.transaction(queries => queries.settings.rememberPush('once', 1))
    const won = await Promise.all(Array.from({ length: 8 }, claim))
    expect(won).toEqual([true, false, false, false, false, false, false, false])
  })

  test('a crash before the commit: nothing is there, and nobody was told of anything', async () => {
    const told: string[] = []
    let image: Promise<(number | undefined)[]> | undefined
    const values = (from: Store) => Promise.all(['one', 'two'].map(name => storedIn(from, name)))
    const work = [
      store.transaction(queries => write(queries, 'one')).then(() => told.push('one')),
      store.transaction(() => Promise.reject(new Error('no'))).catch(() => told.push('refused')),
      store
        .transaction(async queries => {
          await write(queries, 'two')
          image = afterCrash(values)
          await image
          expect(told).toEqual([])
        })
        .then(() => told.push('two')),
    ]
    await Promise.all(work)
    expect(await image).toEqual([undefined, undefined])
    expect(told).toEqual(['one', 'refused', 'two'])
    expect(await afterCrash(values)).toEqual([1, 1])
  })

  test('a body that fails long after its last query is rolled back, and nobody reads what it wrote meanwhile', async () => {
    let reading: Promise<number | undefined> | undefined
    const late = store.transaction(async queries => {
      await write(queries, 'late')
      reading = storedIn(store, 'late')
      await new Promise(resolve => setTimeout(resolve, 20))
      throw new Error('too late')
    })
    const good = store.transaction(queries => write(queries, 'good'))
    await expect(late).rejects.toThrow('too late')
    await good
    expect(await reading).toBeUndefined()
    expect(await storedIn(store, 'good')).toBe(1)
  })

  test('the queries of a body that has ended do nothing', async () => {
    let kept: Queries | undefined
    await store.transaction(async queries => {
      kept = queries
    })
    await expect(kept && write(kept, 'afterwards')).rejects.toThrow('the transaction has ended')
    expect(await storedIn(store, 'afterwards')).toBeUndefined()
  })

  test('nor in the body of another', async () => {
    let kept: Queries | undefined
    const first = store.transaction(async queries => {
      kept = queries
    })
    const second = store.transaction(async queries => {
      await write(queries, 'own')
      await expect(kept && write(kept, 'foreign')).rejects.toThrow('the transaction has ended')
    })
    await Promise.all([first, second])
    expect(await storedIn(store, 'own')).toBe(1)
    expect(await storedIn(store, 'foreign')).toBeUndefined()
  })

  test('a body that waits for another transaction is rolled back in the end, and the other one runs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let inner: Promise<void> | undefined
    const outer = store.transaction(async queries => {
      await write(queries, 'outer')
      inner = store.transaction(nested => write(nested, 'inner'))
      await inner
      await write(queries, 'after')
    })
    const next = store.transaction(queries => write(queries, 'next'))
    const refused = expect(outer).rejects.toThrow('waited for something other than its queries')
    await new Promise(resolve => setImmediate(resolve))
    await vi.advanceTimersByTimeAsync(5_000)
    await refused
    await next
    await inner
    for (const name of ['outer', 'after']) expect(await storedIn(store, name)).toBeUndefined()
    for (const name of ['inner', 'next']) expect(await storedIn(store, name)).toBe(1)
  })

  test('a closed database refuses them', async () => {
    const closed = await openSqliteStore(join(folder, 'closed.db'))
    await closed.close()
    const work = [closed.transaction(async () => {}), closed.transaction(async () => {})]
    expect(await outcomes(work)).toEqual(['rejected', 'rejected'])
  })
})

describe('when SQLite itself gives up', () => {
  let db: Kysely<unknown>
  let groups: GroupCommit<ConnectionProvider>
  const statement = async <R>(on: ConnectionProvider, sql: string, ...values: unknown[]) =>
    (await on.provideConnection(connection => connection.executeQuery<R>(CompiledQuery.raw(sql, values)))).rows
  const insert = (on: ConnectionProvider, name: string, bytes = 1) =>
    statement(on, 'insert into things values (?, ?)', name, Buffer.alloc(bytes))
  const names = async () =>
    (await db.executeQuery<{ name: string }>(CompiledQuery.raw('select name from things'))).rows.map(({ name }) => name)
  beforeEach(async () => {
    const dialect = new SqliteDialect(join(folder, 'things.db'))
    db = new Kysely({ dialect })
    await db.executeQuery(CompiledQuery.raw('create table things (name text, bytes blob)'))
    groups = new GroupCommit(dialect.turns, provider => provider)
  })
  afterEach(() => db.destroy())

  test('on a full disk: who needs the space is refused, and the next go on', async () => {
    await db.executeQuery(CompiledQuery.raw('pragma max_page_count = 20'))
    const large = groups.transaction(async on => {
      await insert(on, 'with the large one')
      await insert(on, 'large', 1_000_000)
    })
    const small = groups.transaction(on => insert(on, 'small'))
    await expect(large).rejects.toThrow('database or disk is full')
    const kept = await small.then(
      () => ['small'],
      () => [],
    )
    expect(await names()).toEqual(kept)
    await groups.transaction(on => insert(on, 'next'))
    expect(await names()).toEqual([...kept, 'next'])
  })

  test('and rolls everything back: all of the group are told why, and nothing runs outside a transaction', async () => {
    const before = groups.transaction(on => insert(on, 'before'))
    const careless = groups.transaction(async on => {
      await statement(on, 'rollback')
      await insert(on, 'outside').catch(() => undefined)
      throw new Error('the disk is full')
    })
    const after = groups.transaction(on => insert(on, 'after'))
    for (const work of [before, careless, after]) await expect(work).rejects.toThrow('the disk is full')
    expect(await names()).toEqual([])
    await groups.transaction(on => insert(on, 'next'))
    expect(await names()).toEqual(['next'])
  })

  test('and a body does not notice: it has failed all the same, and all of the group', async () => {
    const careless = groups.transaction(async on => {
      await statement(on, 'rollback')
      await insert(on, 'outside').catch(() => undefined)
    })
    const after = groups.transaction(on => insert(on, 'after'))
    for (const work of [careless, after]) await expect(work).rejects.toThrow()
    expect(await names()).toEqual([])
  })
})

describe('the statements around them', () => {
  let said: string[]
  let failing: string | undefined
  let isStuck = false
  const connection: GroupConnection = {
    get isInTransaction() {
      return said.includes('begin immediate') && said.at(-1) !== 'commit' && said.at(-1) !== 'rollback'
    },
    run(sql) {
      if (sql === failing || (isStuck && sql === 'rollback')) throw new Error(`${sql}: the disk is full`)
      said.push(sql)
    },
    executeQuery: () => Promise.reject(new Error('nothing is asked here')),
    streamQuery: () => {
      throw new Error('nothing is asked here')
    },
  }
  const groups = () => new GroupCommit({ take: async () => connection, pass: () => {} }, () => undefined)
  beforeEach(() => {
    said = []
    failing = undefined
    isStuck = false
  })

  test('one BEGIN IMMEDIATE and one COMMIT, a savepoint for each', async () => {
    const group = groups()
    const bad = group.transaction(() => Promise.reject(new Error('no')))
    expect(await outcomes([group.transaction(async () => {}), bad])).toEqual(['fulfilled', 'rejected'])
    const one = ['savepoint body', 'release body']
    expect(said).toEqual(['begin immediate', 'savepoint body', 'rollback to body', 'release body', ...one, 'commit'])
  })

  test('when the connection cannot be had, each is told once and nobody asks again', async () => {
    let asked = 0
    const take = async () => {
      asked += 1
      throw new Error('closed')
    }
    const group = new GroupCommit({ take, pass: () => {} }, () => undefined)
    const work = [group.transaction(async () => {}), group.transaction(async () => {})]
    expect(await outcomes(work)).toEqual(['rejected', 'rejected'])
    for (let turn = 0; turn < 3; turn += 1) await new Promise(resolve => setImmediate(resolve))
    expect(asked).toBe(1)
  })

  test('at most 64 in one group', async () => {
    const group = groups()
    await Promise.all(Array.from({ length: 65 }, () => group.transaction(async () => {})))
    expect(said.filter(sql => sql === 'commit')).toHaveLength(2)
    expect(said.indexOf('commit')).toBe(1 + 64 * 2)
  })

  test.each(['begin immediate', 'commit', 'rollback to body'])(
    'when %s fails, all of the group have failed, and the next go on',
    async sql => {
      const group = groups()
      failing = sql
      const work = [group.transaction(async () => {}), group.transaction(() => Promise.reject(new Error('no')))]
      for (const one of work) await expect(one).rejects.toThrow(`${sql}: the disk is full`)
      expect(said.at(-1)).toBe(sql === 'begin immediate' ? undefined : 'rollback')
      failing = undefined
      said = []
      await group.transaction(async () => {})
      expect(said).toEqual(['begin immediate', 'savepoint body', 'release body', 'commit'])
    },
  )

  test('when not even ROLLBACK succeeds, the group is told why it failed, and the next try again', async () => {
    const group = groups()
    failing = 'commit'
    isStuck = true
    await expect(group.transaction(async () => {})).rejects.toThrow('commit: the disk is full')
    failing = 'begin immediate'
    isStuck = false
    await expect(group.transaction(async () => {})).rejects.toThrow('begin immediate: the disk is full')
    expect(said.at(-1)).toBe('rollback')
    failing = undefined
    await expect(group.transaction(async () => 'done')).resolves.toBe('done')
  })
})
