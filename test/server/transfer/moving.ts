import { Readable } from 'node:stream'
import Database from 'better-sqlite3'
import { systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import type { Cell, TransferTable } from '../../../src/server/domain/ports/transfer.ts'
import { main } from '../../../src/server/main.ts'
import { transferTables } from '../../../src/server/store/tables.ts'

export interface Ended {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `hufud` in this process. */
export async function hufud(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { stdin = '', stdoutIsTerminal = false }: { stdin?: string | Uint8Array; stdoutIsTerminal?: boolean } = {},
): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  const exitCode = await main(args, {
    clock: systemClock,
    random: systemRandom,
    env,
    stdout: text => {
      stdout += text
    },
    stderr: text => {
      stderr += text
    },
    write: async text => {
      stdout += text
    },
    stdin: Readable.from([Buffer.from(stdin)]),
    stdoutIsTerminal,
    stop: new AbortController().signal,
  })
  return { exitCode, stdout, stderr }
}

/** Texts that engines order, escape or fold in ways of their own. */
export const oddTexts = [
  '',
  ' ',
  'a',
  'B',
  'a-b',
  'ab',
  'Ä',
  'ä',
  'ß',
  '号码',
  '\uff21',
  '😀',
  '"quoted" \\ {a,NULL} \'x\'',
  'NULL',
  'line\nfeed\ttab\r\u0001\u001b[31m\u2028',
]

const oddNumbers = [
  0n,
  1n,
  -1n,
  1_763_850_000_000n,
  2n ** 53n - 1n,
  2n ** 53n,
  -(2n ** 53n) - 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
]

/** Whole numbers below `below`, always the same. */
export function drawing(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Fills every table of the SQLite database at `path`, with what the rules of hufud would never write there. */
export function fillWithOddRows(path: string, rowsPerTable: number, seed = 1): void {
  const draw = drawing(seed)
  const database = new Database(path)
  const pick = <T>(from: readonly T[]): T => {
    const one = from[draw(from.length)]
    if (one === undefined) throw new Error('nothing to pick from')
    return one
  }
  let serial = 0
  const keys = new Map<string, string[]>()
  const parentsOf = ({ name }: TransferTable) =>
    new Map(
      database
        .prepare<[], { from: string; table: string }>(`select "from", "table" from pragma_foreign_key_list('${name}')`)
        .all()
        .map(({ from, table }) => [from, table]),
    )
  database.transaction(() => {
    for (const table of transferTables) {
      const parents = parentsOf(table)
      const made: string[] = []
      for (let number = 0; number < rowsPerTable; number += 1) {
        const row = table.columns.map(({ name, kind, isNullable }): Cell => {
          const parent = parents.get(name)
          if (name === table.parent) return number < rowsPerTable / 2 ? null : (made[draw(rowsPerTable >> 1)] ?? null)
          if (isNullable && draw(3) === 0) return null
          if (parent !== undefined && table.key.join() === name) return keys.get(parent)?.[number] ?? null
          if (parent !== undefined) return pick(keys.get(parent) ?? [])
          if (kind === 'text') return `${pick(oddTexts)}${pick(oddTexts)}${serial++}`
          if (kind === 'bytea') return Buffer.from(Array.from({ length: draw(40) }, () => draw(256)))
          return table.key.includes(name) ? BigInt(serial++) : pick(oddNumbers)
        })
        const names = table.columns.map(({ name }) => `"${name}"`).join(', ')
        const places = table.columns.map(() => '?').join(', ')
        database.prepare(`insert into "${table.name}" (${names}) values (${places})`).run(row)
        made.push(String(row[0]))
      }
      keys.set(table.name, made)
    }
  })()
  database.close()
}
