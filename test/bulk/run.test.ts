import { appendFileSync, copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ApiError } from '../../src/api/errors.ts'
import { bulkDesk, people, phoneTable } from '../support/bulk-run.ts'
import { RebindServer } from '../support/rebind-server.ts'

const names = people(10)
const away = () => {
  throw new ApiError('server_unreachable', { reason: 'connection_refused' })
}
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    error => error as { code: string; values: Record<string, unknown> },
  )
const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)

/** A server and a desk with a table of ten people. */
function scene() {
  const server = new RebindServer(names)
  const desk = bulkDesk(server)
  const file = desk.write('people.csv', phoneTable(names))
  const results = { path: desk.path('results.ndjson'), format: 'ndjson' } as const
  return { server, desk, file, results }
}

/** Every row was applied exactly once, and is in the results once. */
function verifyOnce({ server, desk }: Pick<ReturnType<typeof scene>, 'server' | 'desk'>): void {
  expect([...server.applications.values()]).toEqual(names.map(() => 1))
  const rows = linesOf(desk.read('results.ndjson'))
  expect(rows.map(({ row }) => row)).toEqual(names.map((_, index) => index + 1))
  expect(rows.every(({ status }) => status === 'applied')).toBe(true)
}

describe('a run over a file', () => {
  it('is proven once, for the file, its rows and its batches', async () => {
    const { desk, file, server, results } = scene()
    const outcome = await desk.rebind(file, { results })
    expect(outcome).toMatchObject({ rows: 10, applied: 10, failed: 0, refused: 0 })
    expect(desk.proven).toHaveLength(1)
    expect(desk.proven[0]).toMatch(/^rebind\.start [0-9a-f]{64}:10:[0-9a-f]{64}$/)
    expect(server.phone('user10')).toBe('+8613800000010')
    expect(server.calls).toEqual([
      'rebind.check',
      'rebind.start',
      ...Array.from({ length: 4 }, () => 'rebind.apply'),
      'rebind.finish',
    ])
    verifyOnce({ server, desk })
    expect(statSync(`${file}.hufu-journal`).mode & 0o777).toBe(0o600)
    expect(statSync(results.path).mode & 0o777).toBe(0o600)
  })

  it('is said to be done when it is asked for again, without a call', async () => {
    const { desk, file, server } = scene()
    const first = await desk.rebind(file)
    server.calls.length = 0
    expect(await desk.rebind(file)).toMatchObject({ runId: first.runId, applied: 10, wasFinished: true })
    expect(server.calls).toEqual([])
  })

  it('writes nothing when it is dry', async () => {
    const { desk, file, server, results } = scene()
    const outcome = await desk.rebind(file, { dryRun: true, results })
    expect(outcome).toMatchObject({ runId: null, isDry: true, rows: 10 })
    expect(outcome.changes.get('phone')).toBe(10)
    expect(new Set(server.calls)).toEqual(new Set(['rebind.check']))
    expect(linesOf(desk.read('results.ndjson')).map(({ status }) => status)).toEqual(names.map(() => 'valid'))
    expect(desk.changes[0]).toBe('1 user1 phone – → ***')
  })

  it('refuses the whole file for one row, with the row in the results', async () => {
    const { desk, server, results } = scene()
    const file = desk.write('bad.csv', `${phoneTable(names)}nobody,+8613800009999\n`)
    expect(await failure(desk.rebind(file, { results }))).toMatchObject({
      code: 'bulk_rows_refused',
      values: { refused: 1, rows: 11 },
    })
    expect(server.calls).not.toContain('rebind.start')
    expect(linesOf(desk.read('results.ndjson'))).toMatchObject([
      { row: 11, line: 12, username: 'nobody', phone: '+8613800009999', status: 'failed', code: 'account_unknown' },
    ])
  })

  it('leaves refused rows out where that is asked for, and takes the results back once they are corrected', async () => {
    const { desk, server } = scene()
    const csv = { path: desk.path('results.csv'), format: 'csv' } as const
    const file = desk.write('bad.csv', phoneTable([...names.slice(0, 9), 'nobody']))
    const outcome = await desk.rebind(file, { results: csv, skipInvalid: true })
    expect(outcome).toMatchObject({ applied: 9, refused: 1 })
    const corrected = desk.write('again.csv', desk.read('results.csv').replace('nobody', 'user10'))
    expect(await desk.rebind(corrected)).toMatchObject({ rows: 1, applied: 1, refused: 0 })
    expect(server.phone('user10')).toBe('+8613800000010')
    expect([...server.applications.values()]).toEqual(names.map(() => 1))
  })

  it('takes a number that its owner gives up in an earlier row, one batch after the other', async () => {
    const { desk, server } = scene()
    await desk.rebind(desk.write('first.csv', phoneTable(names)))
    const moved = `username,phone\nuser1,+8613900000001\nuser2,+8613800000001\nuser3,+8613800000002\n`
    expect(await desk.rebind(desk.write('moved.csv', moved), { batchSize: 1 })).toMatchObject({ applied: 3 })
    expect(server.phone('user3')).toBe('+8613800000002')
    const swapped = `username,phone\nuser2,+8613800000002\nuser3,+8613800000001\n`
    expect((await failure(desk.rebind(desk.write('swapped.csv', swapped))))?.code).toBe('bulk_rows_refused')
    expect(desk.refused.map(({ number, code }) => [number, code])).toEqual([
      [1, 'bound_elsewhere'],
      [2, 'bound_elsewhere'],
    ])
  })

  it('looks at the address by itself where only the number is given up', async () => {
    const { desk, server } = scene()
    const before = 'username,phone,email\nuser1,+8613800000001,one@example.org\nuser4,,four@example.org\n'
    await desk.rebind(desk.write('before.csv', before))
    const table = (email: string) => `username,phone,email\nuser1,+8613900000001,\nuser2,+8613800000001,${email}\n`
    expect((await failure(desk.rebind(desk.write('taken.csv', table('four@example.org')))))?.code).toBe(
      'bulk_rows_refused',
    )
    expect(await desk.rebind(desk.write('free.csv', table('two@example.org')))).toMatchObject({ applied: 2 })
    expect(server.accounts.get('user2')).toMatchObject({ phone: '+8613800000001', email: 'two@example.org' })
  })

  it('wants a place for links, and keeps the results of an earlier run', async () => {
    const { desk, results } = scene()
    const file = desk.write('links.csv', 'username,totp\nuser1,enrol\nuser2,enrol\n')
    expect((await failure(desk.rebind(file)))?.code).toBe('bulk_results_needed')
    await desk.rebind(file, { results })
    const [first] = linesOf(desk.read('results.ndjson')) as { links: { url: string; command: string }[] }[]
    expect(first?.links[0]?.url).toMatch(/^https:\/\/accounts\.example\.org\/enrol#[\w-]{43}$/)
    expect(first?.links[0]?.command).toBe('hufu bind totp --server https://accounts.example.org --link-file FILE')
    await desk.rebind(desk.write('other.csv', phoneTable(names)), { results })
    expect(desk.kept).toEqual([`${results.path}.1`])
    expect(desk.read('results.ndjson.1')).toContain('/enrol#')
  })

  it('does not write results over the file that it reads', async () => {
    const { desk, file } = scene()
    const results = { path: file, format: 'csv' } as const
    expect((await failure(desk.rebind(file, { results })))?.code).toBe('bulk_results_is_file')
    expect(desk.read('people.csv')).toBe(phoneTable(names))
  })
})

describe('an interrupted run', () => {
  it('goes on where it was, after a server that went away in the middle', async () => {
    const { desk, file, server, results } = scene()
    let batches = 0
    server.before = id => {
      if (id === 'rebind.apply' && ++batches > 2) away()
    }
    const error = await failure(desk.rebind(file, { results }))
    expect(error).toMatchObject({ code: 'bulk_paused', values: { rows: 10, reason: 'server_unreachable' } })
    server.before = () => {}
    expect(await desk.rebind(file, { results })).toMatchObject({ applied: 10 })
    expect(desk.proven).toHaveLength(1)
    verifyOnce({ server, desk })
  })

  it('waits for a server that comes back, and sends again what it did not answer', async () => {
    const { desk, file, server, results } = scene()
    let lost = 0
    server.after = id => {
      if (id === 'rebind.apply' && lost++ < 5) away()
    }
    expect(await desk.rebind(file, { results })).toMatchObject({ applied: 10 })
    verifyOnce({ server, desk })
  })

  it('stops at Ctrl-C and goes on', async () => {
    const { desk, file, server, results } = scene()
    server.after = id => {
      if (id !== 'rebind.apply') return
      desk.stop.abort()
      throw desk.stop.signal.reason
    }
    expect((await failure(desk.rebind(file, { results })))?.code).toBe('bulk_cancelled')
    server.after = () => {}
    const again = { ...desk.world, signal: new AbortController().signal }
    const { rebindFile } = await import('../../src/bulk/run.ts')
    const request = { format: undefined, journal: undefined, reason: 'moved house', notify: true, dryRun: false }
    await rebindFile({ ...request, file, results, skipInvalid: false, batchSize: 3 }, again)
    verifyOnce({ server, desk })
  })

  it('gets another secret when its own has expired', async () => {
    const { desk, file, server } = scene()
    let batches = 0
    server.before = id => {
      if (id !== 'rebind.apply' || ++batches !== 3) return
      for (const run of server.runs.values()) run.secret = 'expired'
    }
    expect(await desk.rebind(file)).toMatchObject({ applied: 10 })
    expect(desk.proven).toHaveLength(2)
  })

  it('goes on from a journal that was cut at any byte', { timeout: 60_000 }, async () => {
    const whole = scene()
    const { results } = whole
    await whole.desk.rebind(whole.file, { results })
    const journal = `${whole.file}.hufu-journal`
    const bytes = readFileSync(journal)
    copyFileSync(results.path, whole.desk.path('whole.ndjson'))
    const headerEnd = bytes.indexOf(0x0a) + 1
    for (let length = headerEnd; length <= bytes.length; length++) {
      writeFileSync(journal, bytes.subarray(0, length))
      copyFileSync(whole.desk.path('whole.ndjson'), results.path)
      for (const run of whole.server.runs.values()) run.run.finished_at = null
      expect(await whole.desk.rebind(whole.file, { results }), `cut at ${length}`).toMatchObject({ applied: 10 })
      verifyOnce(whole)
    }
    expect(whole.server.runs.size).toBe(1)
  })

  it('begins anew from a journal without a whole line, and takes no other file for one', async () => {
    const { desk, file, server } = scene()
    writeFileSync(`${file}.hufu-journal`, '{"journal":"hufu-re')
    expect(await desk.rebind(file)).toMatchObject({ applied: 10 })
    const notes = desk.write('notes', 'dear diary')
    expect((await failure(desk.rebind(file, { journal: notes })))?.code).toBe('bulk_journal_malformed')
    expect(desk.read('notes')).toBe('dear diary')
    expect(server.runs.size).toBe(1)
  })

  it.each([
    ['a row more', (file: string) => appendFileSync(file, 'user1,\n'), { row: 10 }],
    [
      'another number',
      (file: string) => writeFileSync(file, phoneTable(names).replace('00000007', '00000077')),
      { row: 7 },
    ],
    ['a row less', (file: string) => truncateSync(file, statSync(file).size - 22), { row: 10, rowsNow: 9 }],
  ])('refuses a file with %s, and says what differs', async (_, change, values) => {
    const { desk, file, server } = scene()
    let batches = 0
    server.before = id => {
      if (id === 'rebind.apply' && ++batches > 1) away()
    }
    await failure(desk.rebind(file))
    server.before = () => {}
    change(file)
    const error = await failure(desk.rebind(file))
    expect(error).toMatchObject({ code: 'bulk_journal_other_file', values: { rowsBefore: 10, ...values } })
  })

  it('refuses other options than it was begun with', async () => {
    const { desk, file } = scene()
    await desk.rebind(file)
    const error = await failure(desk.rebind(file, { reason: 'another', notify: false, batchSize: 2 }))
    expect(error).toMatchObject({
      code: 'bulk_journal_other_options',
      values: { options: '--reason, --no-notify, --batch' },
    })
  })

  it('lets one process at a time have a journal, and knows a lock that was left behind', async () => {
    const { desk, file } = scene()
    const lock = `${file}.hufu-journal.lock`
    const { hostname } = await import('node:os')
    writeFileSync(lock, JSON.stringify({ pid: process.ppid, host: hostname(), started: '' }))
    expect((await failure(desk.rebind(file)))?.code).toBe('bulk_journal_locked')
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: hostname(), started: '1' }))
    expect(await desk.rebind(file)).toMatchObject({ applied: 10 })
    expect(() => statSync(lock)).toThrow('ENOENT')
    const both = scene()
    const runs = await Promise.all([failure(both.desk.rebind(both.file)), failure(both.desk.rebind(both.file))])
    expect(runs.map(error => error?.code).sort()).toEqual(['bulk_journal_locked', undefined])
  })

  it('stops before it sends a row that the file did not have when it was proven', async () => {
    const { desk, file, server } = scene()
    server.before = id => {
      if (id === 'rebind.start') writeFileSync(file, phoneTable(names).replace('00000002', '00000099'))
    }
    expect((await failure(desk.rebind(file)))?.code).toBe('bulk_file_changed')
    expect(server.calls).not.toContain('rebind.apply')
  })
})

describe('stdin', () => {
  it('is read once, and leaves nothing behind', async () => {
    const server = new RebindServer(names)
    const desk = bulkDesk(
      server,
      (async function* () {
        yield Buffer.from(phoneTable(names))
      })(),
    )
    expect((await failure(desk.rebind('-')))?.code).toBe('bulk_journal_needed')
    expect(await desk.rebind('-', { journal: desk.path('stdin.journal') })).toMatchObject({ applied: 10 })
    const { readdirSync } = await import('node:fs')
    const { tmpdir } = await import('node:os')
    expect(readdirSync(tmpdir()).filter(name => name.startsWith('hufu-rebind-'))).toEqual([])
  })
})

describe('an undoing', () => {
  it('brings back what was not changed since, and goes on after an interruption under its own id', async () => {
    const { desk, file, server } = scene()
    const { runId } = await desk.rebind(file)
    const account = server.accounts.get('user5')
    if (account) account.phone = '+8613912345678'
    expect(await desk.undo(runId ?? '', { dryRun: true })).toMatchObject({ isDry: true, rows: 10, skipped: 1 })
    let pages = 0
    server.before = id => {
      if (id === 'rebind.undo' && ++pages > 1) away()
    }
    expect((await failure(desk.undo(runId ?? '')))?.code).toBe('bulk_paused')
    server.before = () => {}
    const outcome = await desk.undo(runId ?? '')
    expect(outcome).toMatchObject({ kind: 'undo', applied: 9, skipped: 1, failed: 0 })
    expect(server.phone('user1')).toBe(null)
    expect(server.phone('user5')).toBe('+8613912345678')
    expect(server.runs.size).toBe(2)
    expect(await desk.undo(runId ?? '')).toMatchObject({ runId: outcome.runId, wasFinished: true })
  })
})
