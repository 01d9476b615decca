import { execa } from 'execa'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { checkDatabase } from '../../../src/server/check-config/live-database.ts'
import { SchemaUnfit } from '../../../src/server/domain/ports/store-unavailable.ts'
import type { Listening } from '../../../src/server/ephemeral/start-ephemeral.ts'
import { migrations as ours, type SchemaMigration } from '../../../src/server/store/migrations/all.ts'
import { openStore } from '../../../src/server/store/open-store.ts'
import { migratePostgres } from '../../../src/server/store/postgres/migrate-postgres.ts'
import { startHufud } from '../../support/ephemeral-server.ts'
import { environment, freshHome, hufudExecutable } from '../../support/hufu.ts'
import { lacksPostgres, type PostgresCluster, startPostgres } from '../../support/postgres-cluster.ts'
import { databaseConfig } from '../../support/store-at.ts'

const namesOf = (migrations: readonly SchemaMigration[]) => migrations.map(({ name }) => name)

/** A later release's additions: to every table a column that may be missing and one with a default, and a table. */
const widening = (tables: readonly string[]): SchemaMigration => ({
  name: '9000-later',
  kind: 'expand',
  statements: [
    ...tables.flatMap(table => [
      `alter table ${table} add column later text`,
      `alter table ${table} add column later_count bigint not null default 0`,
    ]),
    'create table later_things (id text primary key, account_id text references accounts(id))',
    'create index accounts_later on accounts (later)',
  ],
})

const contract: SchemaMigration = {
  name: '9001-contract',
  kind: 'contract',
  statements: ['alter table pushes drop column received_at'],
}

describe.skipIf(lacksPostgres())('migrations of PostgreSQL', () => {
  let cluster: PostgresCluster
  let operator: pg.Client
  let url: string
  let count = 0

  beforeAll(async () => {
    cluster = await startPostgres()
  })
  afterAll(() => cluster?.close())
  beforeEach(async () => {
    const name = `migrated_${++count}`
    await runAsOperator(`create database ${name} owner hufud`)
    url = cluster.url(name)
    operator = new pg.Client(url)
    await operator.connect()
  })
  afterEach(() => operator?.end())

  async function runAsOperator(statement: string): Promise<void> {
    const maker = new pg.Client(cluster.url('postgres', 'postgres'))
    await maker.connect()
    await maker.query(statement)
    await maker.end()
  }
  const migrate = (migrations?: readonly SchemaMigration[], withContract = false) =>
    migratePostgres(url, { contract: withContract, migrations }, systemClock)
  const tables = async (): Promise<string[]> => {
    const { rows } = await operator.query("select tablename from pg_tables where schemaname = 'public'")
    return rows.map(({ tablename }) => String(tablename)).filter(name => !/migration/.test(name))
  }
  const open = () => openStore(databaseConfig(url), { random: systemRandom })
  const hufud = (...args: string[]) =>
    execa(process.execPath, [hufudExecutable, ...args], {
      env: environment(freshHome(), { HUFUD_DATABASE: url, HUFUD_SECRET_KEY: 'A'.repeat(43) }),
      extendEnv: false,
      reject: false,
    })

  test('a database that orders texts by a language is neither migrated nor served', async () => {
    await migrate()
    const name = `ordered_${++count}`
    await runAsOperator(
      `create database ${name} template template0 encoding 'UTF8' locale_provider icu icu_locale 'en' locale 'C' owner hufud`,
    )
    const other = cluster.url(name)
    const words = /orders texts by a language/
    await expect(migratePostgres(other, { contract: false }, systemClock)).rejects.toThrow(words)
    await expect(openStore(databaseConfig(other), { random: systemRandom })).rejects.toThrow(words)
    const found = await checkDatabase(databaseConfig(other))
    const orders = found.filter(({ words: said }) => words.test(said))
    expect(orders).toMatchObject([{ state: 'fail', fix: [expect.stringContaining("locale 'C'")] }])
    const right = await checkDatabase(databaseConfig(url))
    expect(right.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok'])
  })

  test('of several that migrate at once, each ends well, and each migration runs once', async () => {
    const reports = await Promise.all(Array.from({ length: 4 }, () => migrate()))
    expect(reports.flatMap(({ applied }) => namesOf(applied)).sort()).toEqual(namesOf(ours))
    expect(reports.flatMap(({ held }) => held)).toEqual([])
    const later = widening(await tables())
    const again = await Promise.all(Array.from({ length: 4 }, () => migrate([...ours, later])))
    expect(again.flatMap(({ applied }) => namesOf(applied))).toEqual(['9000-later'])
  })

  test('hufud does not serve before they have run, says how to run them, and serves after', async () => {
    for (const command of [
      ['serve', '--json', '--port', '0'],
      ['bootstrap', 'root'],
    ]) {
      const { exitCode, stderr } = await hufud(...command)
      expect([exitCode, stderr]).toEqual([5, expect.stringMatching(/0003-admin.*Run hufud migrate/)])
    }
    const first = await hufud('migrate', '--json')
    expect(JSON.parse(first.stdout)).toEqual({
      event: 'result',
      ok: true,
      applied: ours.map(({ name, kind }) => ({ name, kind })),
      held: [],
    })
    expect((await hufud('migrate')).stdout).toBe('Nothing to do: the schema is up to date.')
    expect((await hufud('bootstrap', 'root', '--json')).exitCode).toBe(0)
  })

  test('check-config --live says what the database is, and what it lacks', async () => {
    const before = await hufud('check-config', '--live')
    expect([before.exitCode, before.stdout]).toEqual([5, expect.stringMatching(/PostgreSQL 1\d[\d.]* answers/)])
    expect(before.stdout).toMatch(/migrations are pending: 0001-accounts[\s\S]*Run: hufud migrate/)
    await migrate()
    const { exitCode, stdout } = await hufud('check-config', '--live')
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('its schema is up to date')])
    expect(stdout).toContain('it can be written to')
  })

  test('a database that can’t be reached is told with what to do, and without a password', async () => {
    const { exitCode, stderr } = await execa(process.execPath, [hufudExecutable, 'migrate'], {
      env: environment(freshHome(), {
        HUFUD_DATABASE: 'postgres://hufud:zq-secret@/nothing?host=/nowhere',
        HUFUD_SECRET_KEY: 'A'.repeat(43),
      }),
      extendEnv: false,
      reject: false,
    })
    expect([exitCode, stderr]).toEqual([5, expect.stringMatching(/can’t be reached.*\n.*check-config --live/)])
    expect(stderr).not.toContain('zq-secret')
  })

  test('what is not safe while old processes run waits until that is said', async () => {
    await migrate()
    const known = [...ours, widening(await tables()), contract]
    expect(await migrate(known)).toMatchObject({ applied: [{ name: '9000-later' }], held: [{ name: '9001-contract' }] })
    expect(await migrate(known, true)).toMatchObject({ applied: [{ name: '9001-contract' }], held: [] })
  })

  test('an old program works on with what was added, and refuses what was taken away', async () => {
    await migrate()
    const old = await open()
    await Promise.all(Array.from({ length: 20 }, () => old.read.throttles.find('x')))
    const later = widening(await tables())
    await migrate([...ours, later])
    // What was open goes on; what starts now starts.
    await Promise.all(Array.from({ length: 40 }, () => old.read.throttles.find('x')))
    await old.transaction(queries => queries.settings.write('x', Uint8Array.of(1), 1))
    await old.close()
    const { listening, stop } = await startHufud<Listening>(['serve', '--ephemeral', '--json', '--database', url])
    const post = async (path: string, body: object) => {
      const answer = await fetch(`${listening.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return { status: answer.status, body: (await answer.json()) as Record<string, string> }
    }
    const { username, password } = listening.account
    const login = await post('/v1/logins', { username })
    const finish = `/v1/logins/${login.body.login_id}/finish`
    const finished = await post(finish, { method: 'password', password })
    expect([login.status, finished.status]).toEqual([201, 200])
    const authorization = `Bearer ${finished.body.session_secret}`
    for (const path of ['/v1/account', '/v1/events', '/v1/sessions']) {
      const answer = await fetch(`${listening.url}${path}`, { headers: { authorization } })
      expect([path, answer.status]).toEqual([path, 200])
      expect(await answer.text()).not.toContain('later')
    }
    expect(await stop()).toBe(0)
    await migrate([...ours, later, contract], true)
    await expect(open()).rejects.toThrow(SchemaUnfit)
    await expect(migrate()).rejects.toThrow(/newer hufud.*9001-contract/)
    expect(await hufud('serve', '--port', '0')).toMatchObject({ exitCode: 5 })
  })

  test('one of which nothing is noted counts as one that takes away', async () => {
    await migrate()
    await operator.query("insert into kysely_migration values ('9002-unknown', '2030-01-01T00:00:00.000Z')")
    await expect(open()).rejects.toThrow(/9002-unknown/)
  })

  test('a migration that fails leaves nothing behind', async () => {
    await migrate()
    const broken: SchemaMigration = {
      name: '9003-broken',
      kind: 'expand',
      statements: ['alter table accounts add column half bigint', 'alter table nowhere add column x bigint'],
    }
    await expect(migrate([...ours, broken])).rejects.toThrow('nowhere')
    const { rows } = await operator.query("select 1 from information_schema.columns where column_name = 'half'")
    expect(rows).toEqual([])
    expect(await migrate()).toMatchObject({ applied: [] })
  })

  test('one that waits for a table lets readers through, and runs as soon as it can', async () => {
    await migrate()
    await operator.query('begin; select * from accounts')
    const later = widening(['accounts'])
    let isDone = false
    const migrating = migrate([...ours, later]).then(report => {
      isDone = true
      return report
    })
    const reader = new pg.Client(url)
    await reader.connect()
    for (let read = 0; read < 40; read += 1) {
      await reader.query("set statement_timeout = '3s'; select * from accounts")
      await systemClock.sleep(50)
    }
    expect(isDone).toBe(false)
    await operator.query('commit')
    expect(await migrating).toMatchObject({ applied: [{ name: '9000-later' }] })
    await reader.end()
  })

  test('migrations leave no lock of a session, which a pooler would hand to somebody else', async () => {
    await migrate()
    const { rows } = await operator.query("select 1 from pg_locks where locktype = 'advisory'")
    expect(rows).toEqual([])
  })
})
