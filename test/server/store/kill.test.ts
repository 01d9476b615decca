// What was acknowledged is there after a process was killed in the middle of its work, and what was refused is not.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { buildSync } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { openStoreAt } from '../../support/store-at.ts'

let folder: string
let program: string
let child: ChildProcess | undefined
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-killed-'))
  program = join(folder, 'acknowledging.cjs')
  buildSync({
    entryPoints: [join(import.meta.dirname, 'acknowledging.ts')],
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

/** Starts the process on `database` and kills it after so many answers. @returns all that it said */
async function killedAfter(database: string, answers: number): Promise<string[]> {
  const env = { ...process.env, NODE_PATH: resolve(import.meta.dirname, '../../../node_modules') }
  const writing = spawn(process.execPath, [program, database], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  child = writing
  const gone = once(writing, 'close')
  const said: string[] = []
  for await (const line of createInterface({ input: writing.stdout })) {
    said.push(line)
    if (said.length === answers) writing.kill('SIGKILL')
  }
  const [, signal] = await gone
  expect(signal).toBe('SIGKILL')
  return said
}

test.each([1, 40, 300])('killed after %i answers', async answers => {
  const database = await testDatabase(folder, `${answers}`)
  const said = await killedAfter(database, answers)
  expect(said.length).toBeGreaterThanOrEqual(answers)
  const store = await openStoreAt(database)
  try {
    const isThere = async (name: string) => (await store.read.settings.read(name)) !== undefined
    for (const line of said) {
      const [outcome, name] = line.split(' ')
      expect([line, await isThere(`first ${name}`), await isThere(`second ${name}`)]).toEqual([
        line,
        outcome === 'done',
        outcome === 'done',
      ])
    }
    // What nobody was told of is there as a whole, or not at all.
    for (let writer = 0; writer < 16; writer += 1) {
      for (let number = 0; number <= answers; number += 1) {
        const name = `${writer}.${number}`
        expect(await isThere(`first ${name}`)).toBe(await isThere(`second ${name}`))
      }
    }
    await store.transaction(queries => queries.settings.write('afterwards', new Uint8Array(1), 1))
    expect(await isThere('afterwards')).toBe(true)
  } finally {
    await store.close()
  }
})
