// hufu admin rebind by the built programs: a run that is killed, on either side, and goes on.

import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { askDatabase } from '../support/ask-database.ts'
import { phoneTable } from '../support/bulk-run.ts'
import { type ConfiguredHufud, type Inbox, openInbox, startConfiguredHufud } from '../support/configured-hufud.ts'
import { type HufuOptions, hufu, startHufu } from '../support/hufu.ts'
import { Person } from '../support/person.ts'
import { until } from '../support/until.ts'

const count = 3000
const names = Array.from({ length: count }, (_, index) => `user${index + 1}`)
const folder = mkdtempSync(join(tmpdir(), 'hufu-bulk-e2e-'))
const path = (name: string) => join(folder, name)
const write = (name: string, content: string) => {
  writeFileSync(path(name), content)
  return path(name)
}

let inbox: Inbox
let server: ConfiguredHufud
const byToken = (options: HufuOptions = {}): HufuOptions => ({
  ...options,
  env: { HUFU_SERVER: server.url, HUFU_TOKEN: server.adminToken },
})
const rebind = (...args: string[]) => ['admin', 'rebind', ...args, '--reason', 'moved house']

beforeAll(async () => {
  inbox = await openInbox()
  server = await startConfiguredHufud({ sections: () => [], outbox: inbox })
  const { store, random } = server.services.domain
  const none = { phone_number: null, phone_bound_at: null, phone_used_at: null, email_address: null, email_key: null }
  await store.transaction(async queries => {
    for (const username of names) {
      await queries.accounts.insert({
        id: Buffer.from(random.bytes(16)).toString('base64url'),
        username,
        username_key: username,
        password_hash: 'x',
        password_set_at: 0,
        password_used_at: null,
        ...none,
        email_bound_at: null,
        email_used_at: null,
        user_handle: random.bytes(32),
        locale: 'en',
        role: 'person',
        disabled_at: null,
        created_at: 0,
      })
    }
  })
}, 120_000)
afterAll(async () => {
  await server.close()
  await inbox.close()
})

/** What the database says of a run: how many rows were applied, and how many audit rows there are. */
async function recorded(runId: unknown): Promise<{ rows: number; events: number }> {
  const countOf = async (table: string) => {
    const found = await askDatabase(server.database, `select run_id from ${table} where run_id = ?`, String(runId))
    return found.length
  }
  return { rows: await countOf('bulk_rows'), events: await countOf('events') }
}

const linesOf = (file: string): number => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length : 0)

const statuses = (file: string) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as { row: number; status: string })

it('checks, applies, says that it is done, and undoes', async () => {
  const file = write('some.csv', phoneTable(names.slice(0, 20), 90_000_000))
  const dry = await hufu(rebind(file, '--dry-run'), byToken())
  expect(dry.last).toMatchObject({ event: 'result', dry_run: true, run_id: null, changes: { phone: 20 } })
  const run = await hufu(rebind(file), byToken())
  expect(run.last).toMatchObject({ event: 'result', applied: 20 })
  expect(await recorded(run.last.run_id)).toEqual({ rows: 20, events: 20 })
  const again = await hufu(rebind(file), byToken())
  expect(again.last).toMatchObject({ run_id: run.last.run_id, applied: 20 })
  const undone = await hufu(rebind('--undo', String(run.last.run_id), '--journal', path('undo')), byToken())
  expect(undone.last).toMatchObject({ kind: 'undo', applied: 20, skipped: 0 })
})

it('applies each row once, however often it is killed', { timeout: 120_000 }, async () => {
  const file = write('killed.csv', phoneTable(names))
  const args = rebind(file, '--results', path('killed.ndjson'), '--batch', '50')
  for (let kills = 0; kills < 5; kills++) {
    const running = startHufu(args, byToken())
    running.finished.catch(() => {})
    await new Promise(resolve => setTimeout(resolve, 600 + Math.random() * 900))
    running.kill('SIGKILL')
    await running.finished.catch(() => {})
  }
  const { last } = await hufu(args, byToken())
  expect(last).toMatchObject({ event: 'result', applied: count, failed: 0 })
  expect(await recorded(last.run_id)).toEqual({ rows: count, events: count })
  expect(statuses(path('killed.ndjson')).map(({ row }) => row)).toEqual(names.map((_, index) => index + 1))
})

it('goes on by itself when the server comes back', { timeout: 120_000 }, async () => {
  const file = write('server.csv', phoneTable(names, 10_000_000))
  const running = startHufu(rebind(file, '--batch', '20'), byToken())
  // A server that has never answered is not waited for.
  await until('a batch that was applied', async () => linesOf(`${file}.hufu-journal`) > 3 || undefined)
  await server.kill()
  await server.start()
  const { last } = await running.finished
  expect(last).toMatchObject({ event: 'result', applied: count })
  expect(await recorded(last.run_id)).toEqual({ rows: count, events: count })
})

it('takes NDJSON from stdin, and its own results once they are corrected', async () => {
  const input = '{"username":"user1","phone":"+8613900000001"}\n{"username":"nobody","phone":"+8613900000002"}\n'
  const results = path('stdin.csv')
  const args = rebind('-', '--journal', path('stdin.journal'), '--results', results)
  const refused = await hufu(args, byToken({ input }))
  expect(refused.exitCode).toBe(9)
  expect(refused.last).toMatchObject({ code: 'bulk_rows_refused' })
  const skipped = await hufu([...args, '--skip-invalid'], byToken({ input }))
  expect(skipped.exitCode).toBe(9)
  expect(skipped.events.find(({ event }) => event === 'summary')).toMatchObject({ applied: 1, refused: 1 })
  const corrected = write('corrected.csv', readFileSync(results, 'utf8').replace('nobody', 'user2'))
  expect((await hufu(rebind(corrected), byToken())).last).toMatchObject({ rows: 1, applied: 1 })
  const changed = write('corrected.csv', `${readFileSync(corrected, 'utf8')}\n`)
  expect((await hufu(rebind(changed), byToken())).last).toMatchObject({ code: 'bulk_journal_other_file', exit_code: 5 })
})

it('has an admin in person step up once, for this very file', async () => {
  const admin = await Person.loggedIn(server)
  await askDatabase(server.database, `update accounts set role = 'admin' where username = ?`, admin.username)
  const file = admin.file('one.csv', 'username,phone\nuser3,+8613700000003\n')
  const run = await admin.hufu([...rebind(file), '--verify', 'password'])
  expect(run.last).toMatchObject({ event: 'result', applied: 1 })
  expect(run.events.filter(({ event }) => event === 'step_up')).toHaveLength(1)
  const silent = await admin.hufu([
    ...rebind(file, '--journal', admin.path('j'), '--no-notify'),
    '--verify',
    'password',
  ])
  expect(silent.exitCode).toBe(5)
})

it('a reason that is not one line is refused before a journal is begun', async () => {
  const file = write('reason.csv', 'username,phone\nuser1,13800138000\n')
  const done = await hufu(['admin', 'rebind', file, '--reason', 'two\nlines'], byToken())
  expect(done.exitCode).not.toBe(0)
  expect(done.stderr).toContain('--reason')
  expect(existsSync(`${file}.hufu-journal`)).toBe(false)
})
