import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RebindRequest, rebindFile } from '../../src/bulk/run.ts'
import { type UndoRequest, undoRun } from '../../src/bulk/undo.ts'
import type { BulkWorld, Progress, RefusedRow } from '../../src/bulk/world.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import type { RebindServer } from './rebind-server.ts'

/** A folder with files, a person in front of it, and what they see. What sleeps moves the clock. */
export function bulkDesk(server: RebindServer, input: AsyncIterable<Uint8Array> | undefined = undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'hufu-bulk-'))
  const path = (name: string) => join(folder, name)
  const refused: RefusedRow[] = []
  const progress: Progress[] = []
  const changes: string[] = []
  const proven: string[] = []
  const kept: string[] = []
  const stop = new AbortController()
  let now = 0
  const clock: Clock = {
    now: () => now,
    sleep: async milliseconds => {
      now += milliseconds
    },
  }
  const world: BulkWorld = {
    api: server.api,
    clock,
    random: systemRandom,
    signal: stop.signal,
    patience: 60_000,
    screen: {
      interval: 0,
      progress: each => void progress.push(each),
      settle: () => {},
      refused: row => void refused.push(row),
      wouldChange: (number, account, words) => void changes.push(`${number} ${account} ${words}`),
      pausing: () => {},
      keptResults: file => void kept.push(file),
    },
    standardInput: () => input ?? (async function* () {})(),
    authorise: (operation, value, call) => {
      proven.push(`${operation} ${value}`)
      return call({ proof: 'P'.repeat(43) })
    },
    words: (code, values) => `${code} ${JSON.stringify(values)}`,
  }
  const usual = {
    format: undefined,
    journal: undefined,
    results: null,
    reason: 'moved house',
    notify: true,
    dryRun: false,
    skipInvalid: false,
    batchSize: 3,
  }
  return {
    folder,
    path,
    world,
    stop,
    refused,
    progress,
    changes,
    proven,
    kept,
    write(name: string, content: string | Uint8Array): string {
      writeFileSync(path(name), content)
      return path(name)
    },
    read: (name: string) => readFileSync(path(name), 'utf8'),
    rebind: (file: string, more: Partial<RebindRequest> = {}) => rebindFile({ ...usual, file, ...more }, world),
    undo(runId: string, more: Partial<UndoRequest> = {}) {
      const { format: _format, skipInvalid: _skip, ...own } = usual
      return undoRun({ ...own, runId, journal: path('undo.hufu-journal'), ...more }, world)
    },
  }
}

/** A table of `count` people, each of whom gets a number. */
export const people = (count: number): string[] => Array.from({ length: count }, (_, index) => `user${index + 1}`)

export const phoneTable = (names: readonly string[], first = 1): string =>
  `username,phone\n${names.map((name, index) => `${name},+86138${String(first + index).padStart(8, '0')}\n`).join('')}`
