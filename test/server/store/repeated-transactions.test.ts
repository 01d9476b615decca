// What the project `repeated` rests on: a body that does more than ask its queries would show.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Store } from '../../../src/server/domain/ports/store.ts'
import { dropTestDatabase, testDatabase } from '../../support/database.ts'
import { repeating } from '../../support/repeated-transactions.ts'
import { openStoreAt } from '../../support/store-at.ts'

let folder: string
let database: string
let store: Store
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-repeated-'))
  database = await testDatabase(folder)
  store = repeating(await openStoreAt(database))
})
afterEach(async () => {
  await store.close()
  await dropTestDatabase(database)
  rmSync(folder, { recursive: true, force: true })
})

test('a body runs twice, and what it wrote the first time is gone', async () => {
  let runs = 0
  const isFirst = await store.transaction(queries => {
    runs += 1
    return queries.settings.rememberPush('once', 1)
  })
  expect([runs, isFirst]).toEqual([2, true])
})

test('one that refuses is told why by its second run', async () => {
  let runs = 0
  const refused = store.transaction(async () => {
    throw new Error(`run ${++runs}`)
  })
  await expect(refused).rejects.toThrow('run 2')
})
