// A bulk run of the built programs while hufu, hufud and PostgreSQL are killed with SIGKILL at random moments: in the
// end every row is applied once, with one event and its notices, and the undoing brings everything back once.
// `npm run test:killed` has 50,000 rows and 20 kills.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { askDatabase } from '../support/ask-database.ts'
import { isOnPostgres, testEngine } from '../support/database.ts'
import { type KilledWorld, openKilledWorld, type Victim } from '../support/killed-run.ts'

const isFull = process.env.HUFU_TEST_KILLED === 'full'
const rows = isFull ? 50_000 : 4000
const kills = isFull ? 20 : 8
const undoneRows = isFull ? 5000 : 1000
const batch = isFull ? 250 : 50
const patience = isFull ? 900_000 : 120_000

const kinds: readonly Victim[] = isOnPostgres ? ['hufu', 'hufud', 'postgres'] : ['hufu', 'hufud']
const victims = (count: number, among = kinds): Victim[] =>
  Array.from({ length: count }, (_, index) => among[index % among.length] ?? 'hufu')

interface Row {
  readonly username: string
  readonly phone: string
  readonly email: string | null
}
const oldEmail = (number: number) => (number % 10 === 0 ? `old${number}@hufu.example` : null)
const table = (count: number, first: number): Row[] =>
  Array.from({ length: count }, (_, index) => index + first).map(number => ({
    username: `user${number}`,
    phone: `+86138${String(number).padStart(8, '0')}`,
    email: number % 7 === 0 ? `new${number}@hufu.example` : null,
  }))
const csv = (all: readonly Row[]) =>
  `username,phone,email\n${all.map(({ username, phone, email }) => `${username},${phone},${email ?? ''}\n`).join('')}`

/** One to the address that the account had, one to the address that is new. */
const noticesOf = (all: readonly Row[], first: number) =>
  all.reduce((sum, { email }, index) => sum + Number(oldEmail(first + index) !== null) + Number(email !== null), 0)

let world: KilledWorld
beforeAll(async () => {
  world = await openKilledWorld(rows + undoneRows, 2)
}, 120_000)
afterAll(() => world.close())

const ask = <R extends object>(statement: string, ...values: string[]) =>
  askDatabase<R>(world.database, statement, ...values)
async function countOf(statement: string, ...values: string[]): Promise<number> {
  const [found] = await ask<{ n: number }>(`select count(*) as n from ${statement}`, ...values)
  return Number(found?.n)
}
const notices = () => countOf("outbox where purpose = 'notice'")

async function recorded(runId: string, action = 'admin.rebind') {
  const ofRun = `events where action = '${action}' and run_id = ?`
  const accounts = `(select distinct account_id from ${ofRun}) as changed`
  return { events: await countOf(ofRun, runId), accounts: await countOf(accounts, runId) }
}

const rowsIn = (results: string) =>
  readFileSync(results, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as { row: number; status: string })
const oneEach = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

/**
 * hufu waits for a server that goes away in the middle, and gives up one that it has never reached: it is started anew
 * as often as it was killed, and where the server was killed while it had just been started.
 */
function expectNoOtherStarts(starts: number, done: readonly string[]): void {
  const isOfHufu = (kill: string | undefined) => kill === undefined || kill.startsWith('hufu ')
  const killed = done.filter(isOfHufu).length
  const unreached = done.filter((kill, index) => !isOfHufu(kill) && isOfHufu(done[index - 1])).length
  expect(starts).toBeGreaterThan(killed)
  expect(starts).toBeLessThanOrEqual(1 + killed + unreached)
}

const isFinished = (journal: string) => readFileSync(journal, 'utf8').includes('"finished":true')

it(`applies each of ${rows} rows once through ${kills} kills`, { timeout: patience }, async () => {
  const all = table(rows, 1)
  const file = world.write('people.csv', csv(all))
  const results = world.path('results.ndjson')
  const args = ['admin', 'rebind', file, '--reason', 'moved', '--results', results, '--batch', String(batch)]
  const journal = `${file}.hufu-journal`
  const plan = { journal, batches: rows / batch, victims: victims(kills), seed: `killed ${testEngine}` }
  const { run, kills: done, starts } = await world.runKilling(args, plan)
  console.log(`${starts} starts of hufu; ${done.join(', ')}`)

  expect(done).toHaveLength(kills)
  expectNoOtherStarts(starts, done)
  expect(run.last).toMatchObject({ event: 'result', applied: rows, unchanged: 0, failed: 0 })
  const runId = String(run.last.run_id)
  expect(await recorded(runId)).toEqual({ events: rows, accounts: rows })
  expect(await countOf('bulk_rows where run_id = ?', runId)).toBe(rows)
  expect(await countOf('bulk_runs where finished_at is not null')).toBe(1)
  expect(await notices()).toBe(noticesOf(all, 1))
  const found = await ask<{ username: string; phone_number: string; email_address: string | null }>(
    'select username, phone_number, email_address from accounts where phone_number is not null',
  )
  const held = new Map(found.map(each => [each.username, `${each.phone_number} ${each.email_address}`]))
  const asTheFileSays = all.map(({ username, phone, email }, index): [string, string] => [
    username,
    `${phone} ${email ?? oldEmail(index + 1)}`,
  ])
  expect(held).toEqual(new Map(asTheFileSays))
  const told = rowsIn(results)
  expect(told.map(({ row }) => row)).toEqual(oneEach(rows))
  expect(new Set(told.map(({ status }) => status))).toEqual(new Set(['applied']))
  expect(isFinished(journal)).toBe(true)
})

it(`undoes each of ${undoneRows} rows once, hufu and hufud killed`, { timeout: patience }, async () => {
  const all = table(undoneRows, rows + 1)
  const file = world.write('undone.csv', csv(all))
  const calm = { journal: world.path('undone.csv.hufu-journal'), batches: 1, victims: [], seed: '' }
  const first = await world.runKilling(['admin', 'rebind', file, '--reason', 'moved'], calm)
  const runId = String(first.run.last.run_id)
  const before = await notices()
  const [journal, results] = [world.path('undo.journal'), world.path('undo.ndjson')]
  const args = ['admin', 'rebind', '--undo', runId, '--reason', 'a mistake', '--journal', journal]
  const size = 20
  const {
    run,
    kills: done,
    starts,
  } = await world.runKilling([...args, '--results', results, '--batch', String(size)], {
    journal,
    batches: undoneRows / size,
    victims: victims(6, ['hufu', 'hufud']),
    seed: `undo ${testEngine}`,
  })

  expect(done).toHaveLength(6)
  expectNoOtherStarts(starts, done)
  expect(run.last).toMatchObject({ event: 'result', kind: 'undo', applied: undoneRows, skipped: 0, failed: 0 })
  expect(await recorded(String(run.last.run_id), 'admin.rebind_undo')).toEqual({
    events: undoneRows,
    accounts: undoneRows,
  })
  expect((await notices()) - before).toBe(noticesOf(all, rows + 1))
  expect(await countOf(`accounts where phone_number is not null`)).toBe(rows)
  expect(await countOf(`accounts where email_address like 'new%'`)).toBe(Math.floor(rows / 7))
  const told = rowsIn(results)
  expect(told.map(({ row }) => row)).toEqual(oneEach(undoneRows).reverse())
  expect(isFinished(journal)).toBe(true)
})
