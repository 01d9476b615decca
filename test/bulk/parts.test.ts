import { statSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ApiError } from '../../src/api/errors.ts'
import { layoutOf, ndjsonLayout } from '../../src/bulk/columns.ts'
import { neutraliseFormula, restoreFormula } from '../../src/bulk/formula.ts'
import { inOrder } from '../../src/bulk/in-order.ts'
import { Patience } from '../../src/bulk/patience.ts'
import { readRows } from '../../src/bulk/read-rows.ts'
import { createResults, type ResultRow } from '../../src/bulk/results.ts'
import { RowSet } from '../../src/bulk/row-set.ts'
import { SeenValues } from '../../src/bulk/seen.ts'
import { openSource } from '../../src/bulk/source.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { bulkDesk } from '../support/bulk-run.ts'
import { RebindServer } from '../support/rebind-server.ts'

describe('values that were seen', () => {
  it('are those of a Map', () => {
    const entries = fc.array(fc.tuple(fc.string({ maxLength: 2 }), fc.integer({ min: 1, max: 2 ** 32 - 1 })))
    fc.assert(
      fc.property(entries, all => {
        const [seen, map] = [new SeenValues(systemRandom), new Map<string, number>()]
        for (const [value, number] of all) {
          expect(seen.add(value, number)).toBe(map.get(value) ?? 0)
          if (!map.has(value)) map.set(value, number)
        }
        for (const [value] of all) expect(seen.get(value)).toBe(map.get(value))
        expect(seen.get('never seen')).toBe(0)
      }),
    )
  })

  it('stay known while the table grows', () => {
    const seen = new SeenValues(systemRandom)
    for (let number = 1; number <= 50_000; number++) expect(seen.add(`v${number}`, number)).toBe(0)
    for (let number = 1; number <= 50_000; number++) expect(seen.get(`v${number}`)).toBe(number)
  })
})

describe('a set of rows', () => {
  it('is what its text says', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 9000 })), rows => {
        const set = new RowSet()
        for (const row of rows) set.add(row)
        const again = RowSet.parse(set.toString())
        expect(again.size).toBe(rows.length)
        expect(rows.every(row => again.has(row))).toBe(true)
      }),
    )
    const set = new RowSet()
    for (const row of [3, 4, 5, 9]) set.add(row)
    expect(String(set)).toBe('3-5,9')
    for (const text of ['x', '0', '1,,2', '1-99999999']) expect(() => RowSet.parse(text)).toThrow(TypeError)
  })
})

describe('results', () => {
  const plain = { line: 2, code: null, message: 'a, "b"', account: 'ann', changes: [], links: [] }
  const row = (cells: string[], status: ResultRow['status'] = 'failed'): ResultRow => ({
    number: 1,
    cells,
    status,
    ...plain,
  })

  it('neutralise what a spreadsheet would run, and give it back', () => {
    for (const cell of ['=1', '+86138', '-1', '@x', '\tx', "'=1", "''+1", '＝1']) {
      expect(neutraliseFormula(cell)).toBe(`'${cell}`)
      expect(restoreFormula(neutraliseFormula(cell))).toBe(cell)
    }
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("'", '=', '+', 'a', '-') }), cell => {
        expect(restoreFormula(neutraliseFormula(cell))).toBe(cell)
        expect(neutraliseFormula(cell)).not.toMatch(/^[=+\-@]/)
      }),
    )
  })

  it.each(['csv', 'ndjson'] as const)('as %s are read back as they were', async format => {
    const desk = bulkDesk(new RebindServer([]))
    const text = fc.string({ unit: fc.constantFrom("'", '=', '+', '"', ',', 'a', '漢', '-', '@', '\\'), minLength: 1 })
    const layout = format === 'csv' ? layoutOf(['password', 'username', 'phone']) : ndjsonLayout
    const columns = layout.flatMap((column, index) => (column === 'password' || column === 'username' ? [index] : []))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 }), async values => {
        const path = desk.path(`results.${format}`)
        const { results } = await createResults({ path, format }, undefined, { layout, origin: 'https://a.example' })
        const [first = 0, second = 1] = columns
        const rows = values.map(([a, b]) =>
          row(layout.map((_, index) => (index === first ? a : index === second ? b : ''))),
        )
        await results.add(rows)
        expect(await results.flush()).toBe(statSync(path).size)
        await results.close()
        const source = await openSource(path)
        const read: unknown[] = []
        let known = layout
        const onFile = (file: { layout: typeof layout }) => {
          known = file.layout
        }
        for await (const some of readRows(source, undefined, { onFile })) {
          for (const { cells } of some) read.push([cells[known.indexOf('password')], cells[known.indexOf('username')]])
        }
        await source.close()
        const isPasswordFirst = layout.indexOf('password') === first
        expect(read).toEqual(values.map(([a, b]) => (isPasswordFirst ? [a, b] : [b, a])))
      }),
      { numRuns: 50 },
    )
  })

  it('keep no password of what is done', async () => {
    const desk = bulkDesk(new RebindServer([]))
    const layout = layoutOf(['username', 'password'])
    const path = desk.path('done.ndjson')
    const options = { layout, origin: 'https://a.example' }
    const { results } = await createResults({ path, format: 'ndjson' }, undefined, options)
    await results.add([row(['ann', 'secret one'], 'applied'), row(['bob', 'secret two'], 'failed')])
    await results.flush()
    expect(desk.read('done.ndjson')).not.toContain('secret one')
    expect(desk.read('done.ndjson')).toContain('secret two')
  })
})

describe('work in order', () => {
  it('is settled one after the other, and not too much of it at once', async () => {
    const items = (async function* () {
      for (let item = 0; item < 20; item++) yield item
    })()
    const settled: number[] = []
    let [under, most] = [0, 0]
    const work = async (item: number) => {
      most = Math.max(most, ++under)
      for (let turn = 0; turn <= (item * 7) % 5; turn++) await new Promise(setImmediate)
      under--
      return item * 2
    }
    await inOrder(items, 2, work, async (item, result) => {
      expect(result).toBe(item * 2)
      settled.push(item)
    })
    expect(settled).toEqual(Array.from({ length: 20 }, (_, item) => item))
    expect(most).toBe(2)
  })
})

describe('patience', () => {
  const waits: number[] = []
  const patience = () => {
    let now = 0
    waits.length = 0
    return new Patience({
      clock: {
        now: () => now,
        sleep: async milliseconds => {
          now += milliseconds
        },
      },
      random: systemRandom,
      signal: new AbortController().signal,
      limit: 60_000,
      onPause: (_, milliseconds) => void waits.push(milliseconds),
    })
  }
  const failing = (times: number, error: Error) => {
    let calls = 0
    return async () => {
      if (calls++ < times) throw error
      return 'answer'
    }
  }
  const gone = new ApiError('server_unreachable', { reason: 'connection_refused' })

  it('does not wait for a server that never answered', async () => {
    await expect(patience().call(failing(1, gone))).rejects.toBe(gone)
    expect(waits).toEqual([])
  })

  it('waits longer each time for one that did, and for at most its limit', async () => {
    const one = patience()
    await one.call(async () => 'answer')
    expect(await one.call(failing(6, gone))).toBe('answer')
    expect(waits.every((wait, index) => index === 0 || wait > (waits[index - 1] ?? 0))).toBe(true)
    await expect(one.call(failing(1000, gone))).rejects.toBe(gone)
    expect(waits.slice(6).reduce((sum, wait) => sum + wait, 0)).toBeLessThanOrEqual(60_000)
  })

  it('waits as long as it is told to, and never for what does not pass', async () => {
    expect(await patience().call(failing(1, new ApiError('throttled', { status: 429, retryAfterSeconds: 30 })))).toBe(
      'answer',
    )
    expect(waits).toEqual([30_000])
    const wrong = new ApiError('admin_required', { status: 403 })
    await expect(patience().call(failing(1, wrong))).rejects.toBe(wrong)
  })
})
