import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { csvRecords } from '../../src/bulk/csv.ts'
import { type Format, type ReadRow, readRows } from '../../src/bulk/read-rows.ts'
import { type Piece, RecordSplitter } from '../../src/bulk/records.ts'
import { phoneKey, usernameKey } from '../../src/bulk/row.ts'
import { openSource } from '../../src/bulk/source.ts'
import { surveyFile } from '../../src/bulk/survey.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { usernameKey as serversUsernameKey } from '../../src/server/domain/usernames.ts'
import { bulkDesk } from '../support/bulk-run.ts'
import { RebindServer } from '../support/rebind-server.ts'

const desk = bulkDesk(new RebindServer([]))
let files = 0

async function read(content: string | Uint8Array, { name = 'csv', format }: { name?: string; format?: Format } = {}) {
  const source = await openSource(desk.write(`${++files}.${name}`, content))
  const rows: ReadRow[] = []
  try {
    for await (const some of readRows(source, format)) rows.push(...some)
  } finally {
    await source.close()
  }
  return rows
}

/** What is wrong with each row, `ok` where nothing is, rows among themselves included. */
async function judged(content: string | Uint8Array, options?: Parameters<typeof read>[1]) {
  const rows = await read(content, options)
  const source = await openSource(desk.path(`${files}.${options?.name ?? 'csv'}`))
  const { neighbours } = await surveyFile(source, options?.format, { random: systemRandom })
  await source.close()
  return rows.map(row => {
    const fault = row.fault ?? neighbours.judge(row)
    return `${row.number}/${row.line} ${fault ? [fault.code, ...Object.values(fault.values)].join(' ') : 'ok'}`
  })
}

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'fine',
    error => [error.code, ...Object.values(error.values)].join(' '),
  )

const head = 'username,phone\n'
const id = 'A'.repeat(22)
const phc = '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub'
const quotedPhc = `"${phc}"`

describe('a row', () => {
  it.each([
    ['fine', `${head}ann,+8613800000001\n`, ['1/2 ok']],
    ['with CRLF', 'username,phone\r\nann,1380\r\nbob,1381\r\n', ['1/2 ok', '2/3 ok']],
    ['with a BOM', `\ufeff${head}ann,1\n`, ['1/2 ok']],
    ['with quotes', '"username","phone"\n"ann","1"\n', ['1/2 ok']],
    ['without a last line break', `${head}ann,1`, ['1/2 ok']],
    ['after empty lines', `${head}\n\nann,1\n\n`, ['1/4 ok']],
    ['after a header of other case', 'UserName , PHONE\nann,1\n', ['1/2 ok']],
    [
      'that is no UTF-8',
      Buffer.from(`${head}ann,1\nb\xfcb,2\ncat,3\n`, 'latin1'),
      ['1/2 ok', '2/3 row_not_utf8', '3/4 ok'],
    ],
    ['of 10 MB', `${head}ann,${'1'.repeat(10_000_000)}\nbob,2\n`, ['1/2 row_too_long', '2/3 ok']],
    ['of 10 MB in quotes', `${head}ann,"${'1\n'.repeat(5_000_000)}"\nbob,2\n`, ['1/2 row_too_long', '2/5000003 ok']],
    ['whose quote is not closed', `${head}ann,1\nbob,"2\ncat,3\n`, ['1/2 ok', '2/3 row_malformed']],
    ['with a quote in the middle', `${head}a"b"n,1\nbob,2\n`, ['1/2 row_malformed', '2/3 ok']],
    ['with a line break in quotes', `${head}"a\nb",1\nbob,2\n`, ['1/2 row_control_character username', '2/4 ok']],
    ['with NUL', `${head}a\u0000b,1\n`, ['1/2 row_control_character username']],
    ['with an escape', `${head}ann,\u001b[2J1\n`, ['1/2 row_control_character phone']],
    ['with a hidden turn of direction', `${head}ann,\u202d1\u202c\n`, ['1/2 row_control_character phone']],
    ['with a cell too many', `${head}ann,1,2\nbob,2\n`, ['1/2 row_cells 3 2', '2/3 ok']],
    ['with a cell too few', 'username,phone,email\nann,1\n', ['1/2 row_cells 2 3']],
    ['of nobody', `${head},1\n`, ['1/2 row_account_missing']],
    ['of two', `username,account_id,phone\nann,${id},1\n`, ['1/2 row_account_twice']],
    ['that says nothing', `${head}ann,\n`, ['1/2 row_says_nothing']],
    [
      'with two passwords',
      `username,password,password_hash\nann,long enough,${quotedPhc}\n`,
      ['1/2 row_password_twice'],
    ],
    [
      'of an account again',
      `${head}ann,1\nAnn,2\nＡＮＮ,3\n`,
      ['1/2 ok', '2/3 row_account_repeated 1', '3/4 row_account_repeated 1'],
    ],
    [
      'that wants a number again',
      `${head}ann,13800138000\nbob,+86 138-0013-8000\n`,
      ['1/2 ok', '2/3 row_phone_repeated 1'],
    ],
    [
      'that wants an address again',
      'username,email\nann,A@b.org\nbob,a@B.ORG\n',
      ['1/2 ok', '2/3 row_email_repeated 1'],
    ],
    ['of an id again', `account_id,phone\n${id},1\n${id},2\n`, ['1/2 ok', '2/3 row_account_repeated 1']],
  ])('%s', async (_, content, expected) => expect(await judged(content)).toEqual(expected))

  it.each([
    ['account_id', 'short'],
    ['phone', 'none'],
    ['email', 'nobody'],
    ['email', `${'x'.repeat(320)}@example.org`],
    ['password', 'x'.repeat(1025)],
    ['password_hash', '$2b$10$abc'],
    ['totp', 'bind'],
    ['wechat', 'link'],
    ['webauthn', 'enrol'],
    ['disabled', 'maybe'],
  ])('takes no %s %s', async (column, value) => {
    const first = column === 'account_id' ? 'account_id,phone\n' : `username,${column}\n`
    const row = column === 'account_id' ? `${value},1\n` : `ann,${value}\n`
    expect(await judged(first + row)).toEqual([`1/2 row_value ${column}`])
  })

  it('says what its cells say, and an empty one nothing', async () => {
    const columns = 'username,phone,email,password,password_hash,totp,wechat,webauthn,disabled'
    const [one, two] = await read(
      `${columns}\n ann , 1 ,,  a b ,,Enrol,unbind,LINK,Yes\nbob,,b@c.de,,${quotedPhc},,,,0\n`,
    )
    expect(one?.row).toEqual({
      username: 'ann',
      phone: '1',
      password: '  a b ',
      totp: 'enrol',
      wechat: 'unbind',
      webauthn: 'link',
      disabled: true,
    })
    expect(two?.row).toEqual({ username: 'bob', email: 'b@c.de', password_hash: phc, disabled: false })
  })

  it('of a results file that is fed back is left out once it is done', async () => {
    const rows = await read(
      `${head.trim()},row,status,message\nann,'+1,1,applied,\nbob,'+2,2,failed,no\ncat,'+3,3,unchanged,\n`,
    )
    expect(rows.map(({ isDone, row }) => [isDone, row?.phone])).toEqual([
      [true, undefined],
      [false, '+2'],
      [true, undefined],
    ])
  })
})

describe('NDJSON', () => {
  it('is told by its name or its content', async () => {
    const text = '{"username":"ann","phone":"1","email":null}\r\n\n{"username":"bob","disabled":false}\n'
    for (const options of [{ name: 'ndjson' }, { name: 'jsonl' }, { name: 'txt' }, { format: 'ndjson' as const }]) {
      expect((await read(text, options)).map(({ row, line }) => [line, row])).toEqual([
        [1, { username: 'ann', phone: '1' }],
        [3, { username: 'bob', disabled: false }],
      ])
    }
  })

  it.each([
    ['{"username":"ann","phone":1}', 'row_value phone'],
    ['{"username":true,"phone":"1"}', 'row_value username'],
    ['{"username":"ann","phne":"1"}', 'row_column_unknown phne phone'],
    ['["ann"]', 'row_malformed'],
    ['{"username":"ann"', 'row_malformed'],
    ['{"username":"a\\u0000b","phone":"1"}', 'row_control_character username'],
    ['{"username":"ann","phone":"1","__proto__":{}}', 'row_column_unknown __proto__ '],
    [`{"username":"${'a'.repeat(10_000_000)}"}`, 'row_too_long'],
  ])('%.40s is %s', async (line, expected) => {
    const [first, second] = await judged(`${line}\n{"username":"bob","phone":"2"}\n`, { name: 'ndjson' })
    expect([first, second]).toEqual([`1/1 ${expected}`, '2/2 ok'])
  })
})

describe('a file', () => {
  it.each([
    ['empty', '', 'bulk_empty'],
    ['of a header alone', head, 'bulk_empty'],
    ['with an unknown column', 'username,phnoe\nann,1\n', 'bulk_column_unknown phnoe 2 phone'],
    ['with a column twice', 'username,phone,phone\nann,1,2\n', 'bulk_column_twice phone 3'],
    ['that names no account', 'phone\n1\n', 'bulk_column_missing phone'],
    ['that names nothing to change', 'username\nann\n', 'bulk_column_missing username'],
    ['with semicolons', 'username;phone\nann;1\n', 'bulk_delimiter'],
    ['in UTF-16', Buffer.from('\ufeffusername,phone\n', 'utf16le'), 'bulk_not_utf8'],
    ['with a header of 10 MB', 'x'.repeat(10_000_000), 'bulk_header_malformed'],
  ])('%s', async (_, content, expected) => {
    const source = await openSource(desk.write(`${++files}.csv`, content))
    expect(await refusal(surveyFile(source, undefined, { random: systemRandom }))).toBe(expected)
    await source.close()
  })

  it('is a regular one that can be read', async () => {
    mkdirSync(desk.path('folder'))
    execFileSync('mkfifo', [desk.path('fifo')])
    expect(await refusal(openSource(desk.path('folder')))).toContain('bulk_not_a_file')
    expect(await refusal(openSource(desk.path('fifo')))).toContain('bulk_not_a_file')
    expect(await refusal(openSource(desk.path('none')))).toContain('input_unreadable')
  })

  it.each([
    ['shrank', (path: string) => truncateSync(path, 10)],
    ['grew', (path: string) => appendFileSync(path, 'more,1\n')],
    [
      'replaced',
      (path: string) => {
        writeFileSync(`${path}.new`, head)
        renameSync(`${path}.new`, path)
      },
    ],
  ])('that %s while it is read is refused', async (how, change) => {
    const path = desk.write(`${++files}.csv`, head + 'ann,1\n'.repeat(100_000))
    const source = await openSource(path)
    const whole = async () => {
      let isFirst = true
      for await (const _ of readRows(source, undefined)) {
        if (isFirst) change(path)
        isFirst = false
      }
    }
    expect(await refusal(whole())).toBe(`bulk_file_changed ${path} ${how}`)
    await source.close()
  })
})

describe('reading and writing', () => {
  const cell = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('"', '""', ',', '\r\n', '\n', "'", '=1+1', ' ', '', 'a"b'),
  )
  const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 5 }), { minLength: 1, maxLength: 20 })

  it('gives back every table that csv-stringify writes, in pieces of any size', () => {
    fc.assert(
      fc.property(table, fc.boolean(), fc.boolean(), fc.integer({ min: 1, max: 64 }), (rows, quoted, windows, size) => {
        const written = Buffer.from(
          stringify(rows, { quoted, quoted_match: /[\r\n]/, record_delimiter: windows ? '\r\n' : '\n' }),
        )
        const splitter = new RecordSplitter(true)
        const pieces: Piece[] = []
        for (let at = 0; at < written.length; at += size) pieces.push(...splitter.push(written.subarray(at, at + size)))
        pieces.push(...splitter.end())
        const text = (piece: Piece) => (piece.kind === 'records' ? piece.bytes.toString() : '')
        const records = pieces.flatMap(piece => csvRecords(text(piece)))
        expect(records.map(({ cells }) => cells)).toEqual(rows)
        const lines = written.toString().split('\n').length - 1
        expect(records.reduce((sum, record) => sum + record.lines, 0)).toBe(lines)
      }),
    )
  })

  it('takes records without quotes apart as csv-parse does', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ',', '\n', '\r\n', ' ', '=', "'", 'é', '漢', ';') })
    fc.assert(
      fc.property(text, line => {
        const ours = csvRecords(`${line}\n`).flatMap(({ cells }) => (cells && cells.length > 0 ? [cells] : []))
        const theirs = parse(`${line}\n`, {
          record_delimiter: ['\r\n', '\n'],
          relax_column_count: true,
          skip_empty_lines: true,
        })
        expect(ours).toEqual(theirs)
      }),
    )
  })

  it('compares user names as the server does, and numbers in all their forms', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), name => {
        expect(usernameKey(name)).toBe(serversUsernameKey(name))
      }),
    )
    const forms = [
      '+8613800138000',
      '13800138000',
      '+86 138 0013 8000',
      '008613800138000',
      '１３８００１３８０００',
      '(+86) 138-0013-8000',
    ]
    expect(new Set(forms.map(phoneKey)).size).toBe(1)
    expect(phoneKey('+14155552671')).not.toBe(phoneKey('+8614155552671'))
  })
})
