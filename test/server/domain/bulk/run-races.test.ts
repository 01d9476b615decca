import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RebindRow, RowResult } from '../../../../src/contract/rebind.ts'
import { editOf } from '../../../../src/server/domain/bulk/edit.ts'
import { createRebinding } from '../../../../src/server/domain/bulk/rebinding.ts'
import { createUndoing } from '../../../../src/server/domain/bulk/undoing.ts'
import type { Queries, Store } from '../../../../src/server/domain/ports/store.ts'
import { byToken, joinAdmin } from '../../../support/admins.ts'
import { askDatabase } from '../../../support/ask-database.ts'
import { type BulkFile, type BulkWorld, bulkFile, newRunId, openBulkWorld } from '../../../support/bulk-world.ts'
import { caller, refusalOf } from '../../../support/server-world.ts'

let world: BulkWorld

beforeEach(async () => {
  world = await openBulkWorld()
})
afterEach(() => world.close())

const names = (count: number) => Array.from({ length: count }, (_, index) => `user${index}`)
const sendEach = async (file: BulkFile, order: readonly number[]): Promise<Promise<RowResult[]>[]> => {
  const { run, run_secret } = await world.start(file, { actor: world.silent, notify: false })
  return order.map(batch =>
    world.services.rebinding.apply(world.silent, run.run_id, batch, { run_secret, rows: file.batches[batch] ?? [] }),
  )
}
const appliedRows = (accountId: string) =>
  askDatabase<{ changes: string }>(world.database, 'select changes from bulk_rows where account_id = ?', accountId)

test('eight who send the batches of one run at once apply each row once', async () => {
  const people = names(80)
  await world.accounts(...people)
  const rows = people.map((username, index) => ({ row: index + 1, username, phone: `1390013${8000 + index}` }))
  const batches = Array.from({ length: 8 }, (_, batch) => rows.slice(batch * 10, batch * 10 + 10))
  const sent = await sendEach(bulkFile(batches), [0, 1, 2, 3, 4, 5, 6, 7])
  const results = (await Promise.all(sent)).flat()
  expect(results.map(({ status }) => status)).toEqual(rows.map(() => 'applied'))
  for (const [index, name] of people.entries()) {
    expect((await world.account(name)).phone_number).toBe(`+861390013${8000 + index}`)
    expect(await world.events(name)).toHaveLength(1)
  }
})

test('two runs over the same accounts, in opposite orders at once: each row applied once, one on the other', async () => {
  const people = names(40)
  await world.accounts(...people)
  const fileOf = (prefix: number, backwards: boolean): BulkFile => {
    const list = people.map((username, index) => ({ username, phone: `${prefix}${8000 + index}`, disabled: backwards }))
    if (backwards) list.reverse()
    const rows: RebindRow[] = list.map((one, index) => ({ row: index + 1, ...one }))
    return bulkFile([0, 1, 2, 3].map(batch => rows.slice(batch * 10, batch * 10 + 10)))
  }
  const sent = [
    ...(await sendEach(fileOf(1390013, false), [0, 1, 2, 3])),
    ...(await sendEach(fileOf(1390014, true), [0, 1, 2, 3])),
  ]
  const results = (await Promise.all(sent)).flat()
  expect(results.filter(({ status }) => status !== 'applied')).toEqual([])
  for (const name of people) {
    const { id, phone_number } = await world.account(name)
    const edits = (await appliedRows(id)).map(({ changes }) => editOf(changes))
    expect(edits).toHaveLength(2)
    const first = edits.find(edit => edit.phone?.before === null)
    const second = edits.find(edit => edit !== first)
    expect(second?.phone?.before).toEqual(first?.phone?.after)
    expect(phone_number).toBe(second?.phone?.after?.value)
    expect(await world.events(name)).toHaveLength(2)
  }
})

test('two runs that disable the last two admins at once, and a script that does so otherwise: one is left', async () => {
  await world.accounts('anna', 'ben')
  for (const name of ['a1', 'a2', 'a3']) await joinAdmin(world, name)
  const run = async (username: string, other: string) => {
    const rows = [
      { row: 1, username: other, phone: other === 'anna' ? '13900138001' : '13900138002' },
      { row: 2, username, disabled: true },
    ]
    const [sent] = await sendEach(bulkFile([rows]), [0])
    return (await sent)?.[1]?.code ?? 'done'
  }
  const outcomes = await Promise.all([
    run('a1', 'anna'),
    run('a2', 'ben'),
    refusalOf(world.services.adminAccounts.disable(byToken(), 'a3')),
  ])
  expect(outcomes.sort()).toEqual(['done', 'done', 'last_admin'])
  const all = await Promise.all(['a1', 'a2', 'a3'].map(name => world.account(name)))
  expect(all.filter(({ disabled_at }) => disabled_at === null)).toHaveLength(1)
  // The row beside it is applied all the same.
  expect((await world.account('anna')).phone_number).not.toBeNull()
  expect((await world.account('ben')).phone_number).not.toBeNull()
})

/** A store that does something else right before the next transaction. */
function interrupted(store: Store, work: () => Promise<void>): Store {
  let isDone = false
  return {
    ...store,
    async transaction<T>(body: (queries: Queries) => Promise<T>): Promise<T> {
      if (!isDone) await work()
      isDone = true
      return store.transaction(body)
    },
  }
}

test('a way in that goes while another is about to be taken: what was the last one stays', async () => {
  await world.services.accounts.create({ username: 'anna' }, { source: caller.source })
  const { id } = await world.account('anna')
  const { domain, runs } = world.services
  await domain.store.transaction(({ links }) => links.endAll(id, world.clock.now()))
  const key = { id: 'k'.repeat(22), account_id: id, credential_id: 'c', name: 'blue', public_key: new Uint8Array(1) }
  const rest = { algorithm: -7, sign_count: 0, aaguid: 'a', transports: '', backup_eligible: 0, backup_state: 0 }
  await domain.store.transaction(async ({ authenticators }) => {
    await authenticators.insertCredential({ ...key, ...rest, bound_at: 1, used_at: null })
    const sealed = { sealed_secret: new Uint8Array(1), last_step: 0, bound_at: 1, used_at: null }
    await authenticators.putTotp({ account_id: id, ...sealed })
  })
  const file = bulkFile([[{ row: 1, username: 'anna', phone: '13900138001' }]])
  const open = await world.start(file)
  await world.applyAll(open, file)
  const wanted = { run_id: newRunId(), undoes: open.run.run_id, row_count: 1, reason: 'undo', notify: true }
  const { run_secret } = await runs.startUndo(world.token, wanted)
  // The app and the key are a way in when it is planned, so that the number may go.
  const store = interrupted(domain.store, async () => {
    await domain.store.transaction(({ authenticators }) => authenticators.removeCredential(id, key.id))
  })
  const page = await createUndoing({ ...domain, store }, runs).undo(world.token, wanted.run_id, {
    run_secret,
    limit: 1,
  })
  expect(page.results).toMatchObject([{ row: 1, status: 'failed', code: 'last_factor' }])
  expect((await world.account('anna')).phone_number).toBe('+8613900138001')
})

test('a password link that ends while it is the last way in of an undoing: the number stays', async () => {
  await world.accounts('anna')
  const { id } = await world.account('anna')
  const { domain, runs } = world.services
  const file = bulkFile([[{ row: 1, username: 'anna', phone: '13900138001' }]])
  const open = await world.start(file)
  await world.applyAll(open, file)
  await domain.store.transaction(({ accounts }) => accounts.setContact(id, 'email', null, world.clock.now()))
  const wanted = { run_id: newRunId(), undoes: open.run.run_id, row_count: 1, reason: 'undo', notify: true }
  const { run_secret } = await runs.startUndo(world.token, wanted)
  const store = interrupted(domain.store, () =>
    domain.store.transaction(({ links }) => links.endAll(id, world.clock.now())),
  )
  const undoing = createUndoing({ ...domain, store }, runs)
  const { results } = await undoing.undo(world.token, wanted.run_id, { run_secret, limit: 1 })
  expect(results).toMatchObject([{ row: 1, status: 'failed', code: 'last_factor' }])
})

test('an undoing begun while batches are under way undoes what they applied, or they apply nothing more', async () => {
  const people = names(30)
  await world.accounts(...people)
  const rows = people.map((username, index) => ({ row: index + 1, username, phone: `1390013${8000 + index}` }))
  const file = bulkFile([rows.slice(0, 10), rows.slice(10, 20), rows.slice(20)])
  const { run, run_secret } = await world.start(file)
  const send = (batch: number) =>
    refusalOf(
      world.services.rebinding.apply(world.token, run.run_id, batch, { run_secret, rows: file.batches[batch] ?? [] }),
    )
  await send(0)
  const startUndo = (row_count: number) =>
    refusalOf(
      world.services.runs.startUndo(world.token, {
        run_id: newRunId(),
        undoes: run.run_id,
        row_count,
        reason: 'undo',
        notify: true,
      }),
    )
  const [, , started] = await Promise.all([send(1), send(2), startUndo(10)])
  const { applied, finished_at } = await world.services.runs.read(run.run_id)
  // Begun with ten rows, it has ended the run before any other was there.
  if (started === 'done') expect({ applied, ended: finished_at !== null }).toEqual({ applied: 10, ended: true })
  else expect(started).toBe('run_conflict')
  expect(await startUndo(applied)).toBe('done')
})

/** Changes by a script take turns with a person's own: nothing is deadlocked, and each account is in one state. */
test('many who disable, enable and rebind a few accounts at once all come through', async () => {
  const people = names(6)
  await world.accounts(...people)
  const work = people.flatMap((username, index) => [
    refusalOf(world.services.adminAccounts.disable(byToken(), username)),
    refusalOf(world.services.adminAccounts.enable(byToken(), username)),
    refusalOf(world.services.adminAccounts.resetLink(byToken(), username)),
    refusalOf(world.rebind([{ row: 1, username, phone: `1390013${8000 + index}`, disabled: index % 2 === 0 }])),
  ])
  const outcomes = new Set(await Promise.all(work))
  outcomes.delete('account_disabled')
  expect([...outcomes]).toEqual(['done'])
})

test('a link that is used while its row is asked for again is not given anew', async () => {
  await world.accounts('anna')
  const file = bulkFile([[{ row: 1, username: 'anna', totp: 'enrol' }]])
  const { run, run_secret } = await world.start(file)
  const [rows = []] = file.batches
  const { domain, runs, rebinding } = world.services
  const [first] = await rebinding.apply(world.token, run.run_id, 0, { run_secret, rows })
  expect(first?.links).toHaveLength(1)
  const use = async () =>
    void (await askDatabase(world.database, 'update enrolment_links set used_at = 1 where purpose = ?', 'totp'))
  const again = createRebinding({ ...domain, store: interrupted(domain.store, use) }, runs)
  expect(await again.apply(world.token, run.run_id, 0, { run_secret, rows })).toEqual([{ ...first, links: [] }])
})
