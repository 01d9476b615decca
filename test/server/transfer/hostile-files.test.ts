import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { toBase64url } from '../../../src/lib/base64url.ts'
import { openSqliteStore } from '../../../src/server/store/open-store.ts'
import { transferTables } from '../../../src/server/store/tables.ts'
import { fillWithOddRows, hufud } from './moving.ts'

const env: Record<string, string> = { HUFUD_SECRET_KEY: toBase64url(new Uint8Array(32).fill(7)) }
let folder: string
let good: string[]
const database = (name: string) => ['--database', `sqlite:${join(folder, name)}`]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-hostile-'))
  env.HOME = folder
  await (await openSqliteStore(join(folder, 'source.db'))).close()
  fillWithOddRows(join(folder, 'source.db'), 4)
  const { stdout } = await hufud(['export', ...database('source.db')], env)
  good = stdout.trimEnd().split('\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const fileOf = (lines: readonly string[]) => `${lines.join('\n')}\n`

let serial = 0
/** What an import of these bytes is refused with; nothing may have been written. */
async function refusalOf(bytes: string | Uint8Array): Promise<string> {
  serial += 1
  const name = `target-${serial}.db`
  const ended = await hufud(['import', ...database(name), '-'], env, { stdin: bytes })
  expect(ended).toMatchObject({
    exitCode: 5,
    stdout: '',
    stderr: expect.stringMatching(/(?:^|\n)hufud: .* Nothing was written\.\n$/),
  })
  if (existsSync(join(folder, name))) {
    const opened = new Database(join(folder, name), { readonly: true })
    for (const table of transferTables) {
      expect([table.name, opened.prepare(`select count(*) from "${table.name}"`).pluck().get()]).toEqual([
        table.name,
        0,
      ])
    }
    opened.close()
  }
  return ended.stderr
}

/** The file with line `number` (from 1) changed. */
const withLine = (number: number, change: (line: string) => string) =>
  fileOf(good.map((line, index) => (index === number - 1 ? change(line) : line)))
const header = (change: Record<string, unknown>) =>
  withLine(1, line => JSON.stringify({ ...JSON.parse(line), ...change }))
const rowOf = (change: (row: Record<string, unknown>, line: Record<string, unknown>) => unknown) => (line: string) => {
  const parsed = JSON.parse(line)
  change(parsed.row, parsed)
  return JSON.stringify(parsed)
}
const exchanged = (a: number, b: number) =>
  fileOf(good.map((line, index) => (index === a - 1 ? good[b - 1] : index === b - 1 ? good[a - 1] : line) ?? ''))

const hostile: Record<string, [() => string | Uint8Array, string]> = {
  nothing: [() => '', 'the file is empty'],
  'one byte': [() => '{', 'line 1 has no end'],
  'a picture': [() => Buffer.from('89504e470d0a1a0a00ff', 'hex'), 'line 1 is not UTF-8'],
  'some other JSON': [() => '{"a":1}\n', 'line 1: this file was not written by hufud export'],
  'another version': [() => header({ version: 2 }), 'line 1: the file is of version 2'],
  'a version that is escape sequences': [
    () => header({ version: '\u001b]0;owned\u0007' }),
    'line 1: the file is of version',
  ],
  'an older schema': [() => header({ migrations: ['0001-accounts'] }), 'line 1: the file is of an older hufud'],
  'a newer schema': [
    () => header({ migrations: [...JSON.parse(good[0] ?? '').migrations, '0009-\u001b[2Jlater'] }),
    'line 1: the file is of a newer hufud, whose migration 0009-later',
  ],
  'tables that are not there': [() => header({ tables: ['accounts'] }), 'line 1: this is not the first line'],
  'a byte order mark': [() => `\ufeff${fileOf(good)}`, 'line 1: this file was not written'],
  'CR LF': [() => good.map(line => `${line}\r\n`).join(''), 'line 1: this is not the first line'],
  'CR LF from the second line on': [
    () =>
      `${good[0]}\n${good
        .slice(1)
        .map(line => `${line}\r\n`)
        .join('')}`,
    'line 2: the row is not written as',
  ],
  'a line that is not UTF-8': [
    () => Buffer.concat([Buffer.from(`${good[0]}\n{"table":"`), Buffer.from([0xc3, 0x28]), Buffer.from('"}\n')]),
    'line 2 is not UTF-8',
  ],
  'a line that is no JSON': [() => withLine(3, () => 'SELECT 1'), 'line 3 is no JSON object'],
  'a line that is an array': [() => withLine(3, () => '[]'), 'line 3 is no JSON object'],
  'an empty line': [() => withLine(3, () => ''), 'line 3 is no JSON object'],
  'a line of another kind': [() => withLine(3, () => '{"hello":1}'), 'line 3: this is no row of a table'],
  'an unknown table': [
    () => withLine(3, () => '{"table":"kysely_\\u001b[31mmigration","row":{}}'),
    'line 3: there is no table "kysely_migration"',
  ],
  'a table named as a member of every object': [
    () => withLine(3, () => '{"table":"__proto__","row":{}}'),
    'line 3: there is no table',
  ],
  'an unknown column': [
    () =>
      withLine(
        3,
        rowOf(row => {
          row.is_root = 1
        }),
      ),
    'line 3: table accounts has no column "is_root"',
  ],
  'a missing column': [
    () =>
      withLine(
        3,
        rowOf(row => {
          delete row.locale
        }),
      ),
    'line 3: column locale is missing',
  ],
  'null where there must be something': [
    () =>
      withLine(
        3,
        rowOf(row => {
          row.locale = null
        }),
      ),
    'line 3: column locale may not be null',
  ],
  'a number for a text': [
    () =>
      withLine(
        3,
        rowOf(row => {
          row.locale = 1
        }),
      ),
    'line 3: column locale must hold a text',
  ],
  'a text for a number': [
    () =>
      withLine(
        3,
        rowOf(row => {
          row.created_at = '1'
        }),
      ),
    'line 3: column created_at must hold a whole number',
  ],
  'half a number': [
    () =>
      withLine(
        3,
        rowOf(row => {
          row.created_at = 1.5
        }),
      ),
    'line 3: column created_at must hold a whole number',
  ],
  'a number beyond 64 bits': [
    () =>
      withLine(
        3,
        rowOf(row => {
          row.created_at = '9223372036854775808'
        }),
      ),
    'line 3: column created_at must hold',
  ],
  'a number that JSON rounds': [
    () => withLine(3, line => line.replace(/"created_at":[^}]+/, '"created_at":9007199254740993')),
    'line 3: column created_at',
  ],
  'bytes in another alphabet': [
    () =>
      withLine(
        3,
        rowOf(row => {
          row.user_handle = '++//'
        }),
      ),
    'line 3: column user_handle must hold bytes',
  ],
  'a column twice': [
    () => withLine(3, line => line.replace('"row":{', '"row":{"id":"x",')),
    'line 3: the row is not written as',
  ],
  blanks: [() => withLine(3, line => line.replace(',', ', ')), 'line 3: the row is not written as'],
  'a changed value': [
    () =>
      withLine(
        3,
        rowOf(row => {
          row.role = 'admin'
        }),
      ),
    'the rows of accounts are not those that were exported',
  ],
  'a line doubled': [() => fileOf([...good.slice(0, 3), ...good.slice(2)]), 'line 4: the row was there before'],
  'lines exchanged': [() => exchanged(3, 4), 'line 4: the row is out of order'],
  'tables exchanged': [() => exchanged(5, 6), 'line 6: rows of accounts come too late'],
  'a line left out': [
    () => fileOf(good.filter((_, index) => index !== good.length - 2)),
    `line ${'LAST'}: the digests differ: the rows of bulk_rows`,
  ],
  'a line that others refer to left out': [
    () => fileOf(good.filter((_, index) => index !== 2)),
    'the database refused a row of',
  ],
  'cut off after a line': [() => fileOf(good.slice(0, -1)), 'without the last line of an export: it was cut off'],
  'cut off after the first line': [() => fileOf(good.slice(0, 1)), 'the file ends after line 1'],
  'cut off within a line': [() => fileOf(good).slice(0, -5), 'has no end: the file was cut off'],
  'without the last line feed': [() => fileOf(good).slice(0, -1), 'has no end: the file was cut off'],
  'something behind the end': [() => `${fileOf(good)}{}\n`, 'something follows the last line'],
  'twice the same file': [() => fileOf(good).repeat(2), 'something follows the last line'],
  'an end that is not one': [() => withLine(3, () => '{"end":null}'), 'line 3: the digests differ'],
  'another seal': [
    () => withLine(good.length, line => line.replace(/"seal":"./, '"seal":"!')),
    'the first or the last line was changed',
  ],
  'a huge line': [() => `${good[0]}\n${'x'.repeat(17 * 1024 * 1024)}`, 'line 2 is longer than 16777216 bytes'],
}

test.each(Object.entries(hostile))('%s', async (_name, [make, reason]) => {
  const told = await refusalOf(make())
  expect(told).toContain(reason.replace('LAST', String(good.length - 1)))
  expect(told).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
})

test('whatever byte is changed, it is refused', async () => {
  const bytes = Buffer.from(fileOf(good))
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ flip
      await refusalOf(changed)
    }),
    { numRuns: 30 },
  )
})
