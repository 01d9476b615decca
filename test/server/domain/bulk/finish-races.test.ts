import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type BulkWorld, bulkFile, openBulkWorld } from '../../../support/bulk-world.ts'

function gate() {
  let resolve = () => {}
  const promise = new Promise<void>(opened => {
    resolve = opened
  })
  return { promise, resolve }
}

let world: BulkWorld
beforeEach(async () => {
  world = await openBulkWorld()
  await world.accounts('anna')
})
afterEach(() => world.close())

test('whoever finishes a run sees the rows of each batch that was under way', async () => {
  const { store, clock } = world.services.domain
  const { run } = await world.start(bulkFile([[{ row: 1, username: 'anna', phone: '13800138001' }]]))
  const { id } = await world.account('anna')
  const row = { run_id: run.run_id, row_number: 1, account_id: id, applied_at: clock.now(), changes: '{}' }
  const written = gate()
  const mayCommit = gate()
  const applying = store.transaction(async ({ bulk }) => {
    await bulk.insertRows(run.run_id, [row])
    written.resolve()
    await mayCommit.promise
  })
  await written.promise
  const finishing = store.transaction(async ({ bulk }) => {
    await bulk.finishRun(run.run_id, clock.now())
    return bulk.countRows(run.run_id)
  })
  // Long enough for one that waits for nobody.
  await Promise.race([finishing, wait(300)])
  mayCommit.resolve()
  await applying
  expect(await finishing).toBe(1)
})

test('a batch that comes while a run is being finished is not applied', async () => {
  const { store, clock } = world.services.domain
  const { run } = await world.start(bulkFile([[{ row: 1, username: 'anna', phone: '13800138001' }]]))
  const { id } = await world.account('anna')
  const row = { run_id: run.run_id, row_number: 1, account_id: id, applied_at: clock.now(), changes: '{}' }
  const finished = gate()
  const mayCommit = gate()
  const finishing = store.transaction(async ({ bulk }) => {
    await bulk.finishRun(run.run_id, clock.now())
    finished.resolve()
    await mayCommit.promise
  })
  await finished.promise
  const applying = store.transaction(({ bulk }) => bulk.insertRows(run.run_id, [row])).catch((error: unknown) => error)
  await Promise.race([applying, wait(300)])
  mayCommit.resolve()
  await finishing
  expect(await applying).toBeInstanceOf(Error)
  expect(await store.read.bulk.countRows(run.run_id)).toBe(0)
})
