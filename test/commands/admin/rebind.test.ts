import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { ApiError } from '../../../src/api/errors.ts'
import { exitCodeOf } from '../../../src/cli/exit-codes.ts'
import type { Language } from '../../../src/cli/messages/catalogue.ts'
import { type RebindOptions, run } from '../../../src/commands/admin/rebind.ts'
import { applyBatch, startRun } from '../../../src/contract/rebind.ts'
import { people, phoneTable } from '../../support/bulk-run.ts'
import { RebindServer } from '../../support/rebind-server.ts'
import { fakeContext } from '../fake-context.ts'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

let server: RebindServer
let folder: string
beforeEach(() => {
  server = new RebindServer(people(4))
  folder = mkdtempSync(join(tmpdir(), 'hufu-rebind-'))
  folders.push(folder)
})

const path = (name: string) => join(folder, name)
const write = (name: string, content: string) => {
  writeFileSync(path(name), content)
  return path(name)
}

const usual: RebindOptions = {
  file: undefined,
  undo: undefined,
  format: undefined,
  results: undefined,
  resultsFormat: undefined,
  journal: undefined,
  reason: 'moved house',
  batch: undefined,
  dryRun: false,
  skipInvalid: false,
  notify: true,
}

interface Asked {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly language?: Language
  readonly hasToken?: boolean
}

/** The command as somebody gives it: what it says, how it ends, and what was proven. */
async function rebind(options: Partial<RebindOptions>, { hasToken = false, ...terminal }: Asked = {}) {
  const fake = await fakeContext({ terminal, hasToken })
  const context = { ...fake.context, api: Object.assign(fake.api, { call: server.api.call }) }
  const error = await run(context, { ...usual, ...options }).catch((thrown: unknown) => thrown)
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  if (error !== undefined) context.explain(error)
  const events = (text: string) => text.split('\n').filter(line => line.startsWith('{'))
  return {
    error,
    code,
    exit: code === undefined ? 0 : exitCodeOf(code),
    stdout: fake.stdout(),
    stderr: fake.stderr(),
    events: () => events(fake.stdout()).map(line => JSON.parse(line) as Record<string, unknown>),
    stepUps: fake.stepUps,
  }
}

const file = () => write('people.csv', phoneTable(people(3)))
const lastRun = () => [...server.runs.keys()].at(-1) ?? ''

describe('arguments', () => {
  it.each([
    ['neither a file nor a run', {}, 'input_required', ['FILE', '--undo RUN']],
    ['both', { file: 'people.csv', undo: 'r'.repeat(22) }, 'input_required', ['FILE', '--undo RUN']],
    ['no reason', { file: 'people.csv', reason: undefined }, 'input_required', ['--reason TEXT']],
    ['a blank reason', { file: 'people.csv', reason: ' ' }, 'input_required', ['--reason TEXT']],
  ])('%s: says what is missing, and asks the server nothing', async (_, options, code, supplies) => {
    const { error, exit, stepUps } = await rebind(options)
    expect(error).toMatchObject({ code, options: supplies })
    expect([exit, server.calls, stepUps]).toEqual([2, [], []])
  })

  it.each([
    ['--reason', { reason: 'x'.repeat(201) }],
    ['--reason', { reason: 'two\nlines' }],
    ['--undo', { file: undefined, undo: 'people.csv' }],
    ['--batch', { batch: '0' }],
    ['--batch', { batch: '501' }],
    ['--batch', { batch: '1e2' }],
    ['--format', { format: 'xml' }],
    ['--results-format', { results: 'results', resultsFormat: 'xml' }],
    ['--results-format', { resultsFormat: 'xml' }],
  ])('%s is refused with what it takes: %j', async (source, options) => {
    const { error, exit } = await rebind({ file: 'people.csv', ...options })
    expect(error).toMatchObject({ code: 'input_malformed', values: { source } })
    expect([exit, server.calls]).toEqual([2, []])
  })

  it('stdin needs a journal, before anything is read or asked', async () => {
    const { code, exit, stderr, stepUps } = await rebind({ file: '-' })
    expect([code, exit, server.calls, stepUps]).toEqual(['bulk_journal_needed', 2, [], []])
    expect(stderr).toContain('--journal PATH')
  })

  it('a file that is not there', async () => {
    expect(await rebind({ file: path('none.csv') })).toMatchObject({ code: 'input_unreadable', exit: 2 })
  })
})

describe('a run', () => {
  it('is proven once, for the file and its rows, and says how to undo it', async () => {
    const { exit, stepUps, stdout } = await rebind({ file: file() })
    expect([exit, stepUps.length]).toEqual([0, 1])
    expect(stepUps[0]).toMatch(/^rebind\.start [0-9a-f]{64}:3:[0-9a-f]{64}$/)
    expect(stdout).toContain(`Run ${lastRun()}: 3 applied`)
    expect(stdout).toContain(`hufu admin rebind --undo ${lastRun()}`)
  })

  it('is proven by nothing but a token where there is one', async () => {
    expect(await rebind({ file: file() }, { hasToken: true })).toMatchObject({ exit: 0, stepUps: [] })
  })

  it('says nothing beside its result with -q', async () => {
    const { stdout, stderr } = await rebind({ file: file() }, { quiet: true })
    expect([stdout, stderr]).toEqual([expect.stringContaining('3 applied'), ''])
  })

  it('ends with its counts as JSON', async () => {
    const { events } = await rebind({ file: file() }, { json: true })
    const counts = { rows: 3, applied: 3, unchanged: 0, failed: 0, skipped: 0, refused: 0 }
    const result = { event: 'result', ok: true, run_id: lastRun(), kind: 'rebind', dry_run: false, ...counts }
    expect(events().at(-1)).toMatchObject(result)
  })

  it('has its journal beside the file, or where it is told', async () => {
    await rebind({ file: file() })
    expect(existsSync(path('people.csv.hufu-journal'))).toBe(true)
    await rebind({ file: write('more.csv', phoneTable(people(2), 50)), journal: path('elsewhere') })
    expect([existsSync(path('elsewhere')), existsSync(path('more.csv.hufu-journal'))]).toEqual([true, false])
  })

  it('that is given once more says that it was finished', async () => {
    await rebind({ file: file() })
    const { exit, stdout, stepUps } = await rebind({ file: file() })
    expect([exit, stepUps, server.runs.size]).toEqual([0, [], 1])
    expect(stdout).toContain('was finished before')
  })

  it('that leaves people untold is refused as the server says', async () => {
    server.before = id => {
      if (id === startRun.id) throw new ApiError('service_scope_missing', { status: 403 })
    }
    const { code, exit } = await rebind({ file: file(), notify: false }, { hasToken: true })
    expect([code, exit]).toEqual(['service_scope_missing', exitCodeOf('service_scope_missing')])
    expect(server.phone('user1')).toBeNull()
  })
})

describe('a dry run', () => {
  it('writes results, and neither a journal nor a run', async () => {
    const { exit, stdout, stepUps } = await rebind({ file: file(), dryRun: true, results: path('results.csv') })
    expect([exit, stepUps, server.runs.size]).toEqual([0, [], 0])
    expect(stdout).toContain('phone of 3')
    expect(readFileSync(path('results.csv'), 'utf8').match(/,valid,/g)).toHaveLength(3)
    expect(existsSync(path('people.csv.hufu-journal'))).toBe(false)
  })

  it('of a file with bad rows says so by exit 9, with --skip-invalid as well', async () => {
    const bad = write('bad.csv', phoneTable(['user1', 'nobody']))
    for (const skipInvalid of [false, true]) {
      const { code, exit, events } = await rebind({ file: bad, dryRun: true, skipInvalid }, { json: true })
      expect([code, exit]).toEqual(['bulk_rows_refused', 9])
      expect(events().at(-1)).toMatchObject({ event: 'summary', dry_run: true, rows: 2, refused: 1 })
    }
  })
})

describe('rows that are refused', () => {
  it('refuse the file, or are left out with --skip-invalid and make it exit 9', async () => {
    const bad = write('bad.csv', phoneTable(['user1', 'nobody']))
    const whole = await rebind({ file: bad }, { json: true })
    expect([whole.code, whole.exit, server.phone('user1')]).toEqual(['bulk_rows_refused', 9, null])
    expect(whole.events()).toContainEqual(expect.objectContaining({ event: 'row', row: 2, code: 'account_unknown' }))
    const left = await rebind({ file: bad, skipInvalid: true }, { json: true })
    expect([left.code, left.exit]).toEqual(['bulk_rows_failed', 9])
    expect(left.events().at(-1)).toMatchObject({ event: 'summary', applied: 1, refused: 1 })
    expect(server.phone('user1')).not.toBeNull()
  })
})

describe('results', () => {
  it.each([
    ['results.csv', undefined, 'csv'],
    ['results.CSV', undefined, 'csv'],
    ['results', undefined, 'ndjson'],
    ['results.csv', 'ndjson', 'ndjson'],
    ['results.txt', 'csv', 'csv'],
  ])('%s with --results-format %s are %s', async (name, resultsFormat, expected) => {
    expect(await rebind({ file: file(), results: path(name), resultsFormat })).toMatchObject({ exit: 0 })
    const [first = ''] = readFileSync(path(name), 'utf8').split('\n')
    expect(first.startsWith('{') ? 'ndjson' : 'csv').toBe(expected)
  })
})

describe('an undo', () => {
  const begun = async () => {
    await rebind({ file: file() })
    return { undo: lastRun(), journal: path('undo') }
  }

  it('is proven for the run and its rows', async () => {
    const asked = await begun()
    const { exit, stepUps, stdout } = await rebind(asked)
    expect([exit, stepUps]).toEqual([0, [`rebind.undo ${asked.undo}:3`]])
    expect(stdout).toContain('3 brought back')
    expect((await rebind(asked)).stdout).toContain('To try its failed rows again, move its journal away.')
  })

  it.each([
    [false, 'bulk_undo_failed', '1 of 3 rows were not brought back.', 'move the journal away'],
    [true, 'bulk_undo_refused', '1 of 3 rows would not be brought back.', 'without --dry-run'],
  ])('with a row that cannot come back (dry: %s) speaks of no file', async (dryRun, expected, words, next) => {
    const first = await begun()
    server.stuck.add(2)
    const { code, exit, stderr } = await rebind({ ...first, dryRun })
    expect([code, exit]).toEqual([expected, 9])
    expect(stderr).toContain(words)
    expect(stderr).toContain(next)
    expect(stderr).not.toMatch(/feed|file/)
  })
})

it('that is interrupted by the server is gone on with by the same command', async () => {
  server.before = id => {
    if (id === applyBatch.id) throw new ApiError('server_unreachable', { status: 503 })
  }
  const first = await rebind({ file: file() })
  expect([first.code, first.exit]).toEqual(['bulk_paused', 7])
  server.before = () => {}
  expect(await rebind({ file: file() })).toMatchObject({ exit: 0, stepUps: [] })
  expect(server.runs.size).toBe(1)
})
