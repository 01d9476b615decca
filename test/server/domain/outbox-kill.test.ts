// A process that is killed with messages in its hands: none is lost, and none arrives more than twice.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { buildSync } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { deliverAll, type KillStep } from '../../support/delivering.ts'
import { openStoreAt } from '../../support/store-at.ts'

/** Longer than a claim lasts: what the killed process held has lapsed for the next. */
const roundLength = 120_000
const each = 30

let folder: string
let program: string
let child: ChildProcess | undefined
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-outbox-killed-'))
  program = join(folder, 'delivering.cjs')
  buildSync({
    entryPoints: [join(import.meta.dirname, '../../support/delivering-process.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['better-sqlite3', 'pg'],
    logLevel: 'error',
  })
})
afterAll(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** One database over several processes, each of which is killed. */
async function openRounds(name: string) {
  const database = await testDatabase(folder, name)
  const file = join(folder, `${name}.txt`)
  const queued = new Set<string>()
  let ahead = 0

  /** Starts a process that queues and delivers, and kills it `after` so many ms, if it does not do so itself. */
  async function kill(step: KillStep, after?: number): Promise<void> {
    ahead += roundLength
    const env = { ...process.env, NODE_PATH: resolve(import.meta.dirname, '../../../node_modules') }
    const args = [program, database, file, String(ahead), String(each), step]
    const delivering = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    child = delivering
    const gone = once(delivering, 'close')
    for await (const line of createInterface({ input: delivering.stdout })) {
      if (line !== 'ready') queued.add(line)
      else if (after !== undefined) void delay(after).then(() => delivering.kill('SIGKILL'))
    }
    const [, signal] = await gone
    if (step !== 'none') expect(signal).toBe('SIGKILL')
  }

  /** What nobody holds any more is delivered by this process, which lives. */
  function drain(): Promise<void> {
    ahead += roundLength
    return deliverAll({ database, file, ahead, count: 0, step: 'none' }, () => {})
  }

  /** How often each message was delivered. */
  function deliveries(): Map<string, number> {
    const counts = new Map([...queued].map(id => [id, 0]))
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
    for (const id of lines) counts.set(id, (counts.get(id) ?? 0) + 1)
    return counts
  }

  async function rows() {
    const store = await openStoreAt(database)
    try {
      return await store.read.outbox.list({ state: undefined, limit: 10_000, before: undefined })
    } finally {
      await store.close()
    }
  }
  return { kill, drain, deliveries, rows, queued }
}

const times = (deliveries: Map<string, number>) => [...new Set(deliveries.values())].sort()

test.each([
  ['claimed', 1],
  ['sent', 2],
  ['marked', 1],
] as const)('killed once a message is %s: it arrives all the same', async (step, most) => {
  const rounds = await openRounds(step)
  await rounds.kill(step)
  await rounds.drain()
  expect(rounds.queued.size).toBeGreaterThan(0)
  const counts = rounds.deliveries()
  for (const row of await rounds.rows()) {
    expect(row).toMatchObject({ sent_at: expect.any(Number), failed_at: null })
    expect([1, 2]).toContain(counts.get(row.id))
  }
  // The others under way at that moment may have been anywhere; the one that it was killed over was there.
  if (most === 2) expect(times(counts)).toContain(2)
})

test.each([1, 2, 3])(
  'killed at any moment, 8 times (%i): no message is lost, none arrives more than twice',
  async part => {
    const rounds = await openRounds(`moments ${part}`)
    for (let round = 0; round < 8; round += 1) {
      await rounds.kill('none', Math.random() * 60)
      await rounds.drain()
      for (const [id, count] of rounds.deliveries()) expect([1, 2], `${id} in round ${round}`).toContain(count)
    }
    const rows = await rounds.rows()
    expect(rows.length).toBeGreaterThanOrEqual(rounds.queued.size)
    expect(rows.filter(({ sent_at }) => sent_at === null)).toEqual([])
    expect(rows.filter(({ lapsed }) => lapsed > 0).length).toBeGreaterThan(0)
  },
  20_000,
)

test('killed again and again over the same messages: none arrives more than twice, and what is given up is said', async () => {
  const rounds = await openRounds('again')
  for (let round = 0; round < 8; round += 1) await rounds.kill('none', Math.random() * 40)
  await rounds.drain()
  const counts = rounds.deliveries()
  for (const row of await rounds.rows()) {
    const count = counts.get(row.id) ?? 0
    expect(count).toBeLessThanOrEqual(2)
    if (row.failed_at === null) expect(count).toBeGreaterThanOrEqual(1)
    else expect(row).toMatchObject({ failure: 'lapsed' })
    if (row.failed_at !== null) expect(row.lapsed).toBeGreaterThanOrEqual(2)
  }
}, 20_000)
