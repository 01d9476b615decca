import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RebindRow, RowResult } from '../../../../src/contract/rebind.ts'
import { joinAdmin } from '../../../support/admins.ts'
import { type BulkWorld, bulkFile, openBulkWorld } from '../../../support/bulk-world.ts'
import { refusalOf } from '../../../support/server-world.ts'

let world: BulkWorld

beforeEach(async () => {
  world = await openBulkWorld()
  await world.accounts('anna', 'ben', 'cleo')
})
afterEach(() => world.close())

const told = ({ row, status, code, username }: RowResult) => ({ row, status, code, username })
const phonesOf = async (...names: string[]) =>
  Promise.all(names.map(async name => (await world.account(name)).phone_number))

test('a row under the number of an applied one is refused, for another account and for another value', async () => {
  const first: RebindRow[] = [{ row: 2, username: 'anna', phone: '13800138001', email: 'anna@new.example' }]
  const others: RebindRow[][] = [
    [{ row: 2, username: 'ben', phone: '13800138002' }],
    [{ row: 2, username: 'ben', phone: '13800138001', email: 'anna@new.example' }],
    [{ row: 2, account_id: (await world.account('cleo')).id, disabled: true }],
    [{ row: 2, username: 'anna', phone: '13800138003', email: 'anna@new.example' }],
    [{ row: 2, username: 'anna', phone: '13800138001', email: 'anna@newer.example' }],
    [{ row: 2, username: 'anna', phone: '13800138001' }],
    [{ row: 2, username: 'ben', phone: '1' }],
  ]
  const file = bulkFile([first, ...others])
  const open = await world.start(file)
  const results = await world.applyAll(open, file)
  expect(results.map(told)).toEqual([
    { row: 2, status: 'applied', code: null, username: 'anna' },
    ...others.map(() => ({ row: 2, status: 'failed', code: 'batch_mismatch', username: null })),
  ])
  expect(await phonesOf('anna', 'ben')).toEqual(['+8613800138001', null])
  expect(await world.events('anna')).toHaveLength(1)
  // By its id it is the same row, however the account was named.
  const byId = bulkFile([[{ row: 1, account_id: (await world.account('ben')).id, phone: '13800138009' }]])
  const run = await world.start(byId)
  await world.applyAll(run, byId)
  expect((await world.applyAll(run, byId)).map(told)).toEqual([
    { row: 1, status: 'applied', code: null, username: 'ben' },
  ])
})

test('a batch is answered with its own rows, though another has rows with numbers between them', async () => {
  const file = bulkFile([
    [{ row: 2, username: 'anna', phone: '13800138001' }],
    [
      { row: 1, username: 'ben', phone: '13800138002' },
      { row: 3, username: 'cleo', phone: '13800138003' },
    ],
  ])
  const results = await world.applyAll(await world.start(file), file)
  expect(results.map(({ row, username }) => [row, username])).toEqual([
    [2, 'anna'],
    [1, 'ben'],
    [3, 'cleo'],
  ])
})

test('two who are to swap numbers both fail, and say whose each number is', async () => {
  const before = ['+8613800138001', '+8613800138002']
  await world.rebind([
    { row: 1, username: 'anna', phone: '13800138001' },
    { row: 2, username: 'ben', phone: '13800138002' },
  ])
  const swap: RebindRow[] = [
    { row: 1, username: 'anna', phone: '13800138002' },
    { row: 2, username: 'ben', phone: '13800138001' },
  ]
  const expected = [
    { row: 1, code: 'bound_elsewhere', owner: 'ben' },
    { row: 2, code: 'bound_elsewhere', owner: 'anna' },
  ]
  const looked = await world.services.rebinding.check(world.token, swap)
  const results = await world.rebind(swap)
  for (const each of [looked, results]) {
    expect(each.map(({ row, code, owner }) => ({ row, code, owner }))).toEqual(expected)
  }
  expect(await phonesOf('anna', 'ben')).toEqual(before)
  expect(await world.events('anna')).toHaveLength(1)
})

test('of two admins in one batch the last is kept, and an admin does not disable the own account', async () => {
  const ada = await joinAdmin(world, 'ada')
  await joinAdmin(world, 'bob')
  const both: RebindRow[] = [
    { row: 1, username: 'ada', disabled: true },
    { row: 2, username: 'anna', disabled: true },
    { row: 3, username: 'bob', disabled: true },
  ]
  const own = {
    ...world.token,
    kind: 'token',
    token: { id: 't', name: 'n', scopes: [], createdBy: ada.account.id },
  } as const
  const looked = await world.services.rebinding.check(own, both)
  expect(looked.map(({ code }) => code)).toEqual(['own_account', null, null])
  const asAda = await world.services.rebinding.check({ ...ada, kind: 'person', proof: undefined }, both)
  expect(asAda.map(({ code }) => code)).toEqual(['own_account', null, null])
  expect((await world.rebind(both)).map(({ code }) => code)).toEqual([null, null, 'last_admin'])
  expect((await world.account('bob')).disabled_at).toBeNull()
})

test('what a run has changed is undone only while it is kept', async () => {
  const file = bulkFile([[{ row: 1, username: 'anna', phone: '13800138001' }]])
  const { run, run_secret } = await world.start(file)
  await world.services.rebinding.apply(world.token, run.run_id, 0, { run_secret, rows: file.batches[0] ?? [] })
  const day = 24 * 60 * 60_000
  // An unfinished run is kept for as long as it takes.
  world.clock.advance(200 * day)
  const look = () => refusalOf(world.services.undoing.preview(world.token, run.run_id, {}))
  expect(await look()).toBe('done')
  await world.services.domain.store.transaction(({ bulk }) => bulk.finishRun(run.run_id, world.clock.now()))
  world.clock.advance(90 * day - 1)
  expect(await look()).toBe('done')
  world.clock.advance(1)
  expect(await look()).toBe('run_expired')
})
