import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RebindRow } from '../../../../src/contract/rebind.ts'
import { createRebinding } from '../../../../src/server/domain/bulk/rebinding.ts'
import { createUndoing } from '../../../../src/server/domain/bulk/undoing.ts'
import type { Queries, Store } from '../../../../src/server/domain/ports/store.ts'
import { askDatabase } from '../../../support/ask-database.ts'
import { type BulkWorld, bulkFile, newRunId, openBulkWorld } from '../../../support/bulk-world.ts'
import { hasQueued } from '../../../support/server-world.ts'

class Aborted extends Error {}

let world: BulkWorld

beforeEach(async () => {
  world = await openBulkWorld()
})
afterEach(() => world.close())

/** A store in whose transactions the query of this number, from 1, is the last: it is done, and fails. */
function failingAt(store: Store, number: number): { store: Store; reached: () => number } {
  let count = 0
  const counted = (queries: object): object =>
    new Proxy(queries, {
      get(target, name) {
        const member = Reflect.get(target, name)
        if (typeof member === 'object' && member !== null) return counted(member)
        if (typeof member !== 'function') return member
        return async (...given: unknown[]) => {
          const answer = await member.apply(target, given)
          if (++count === number) throw new Aborted()
          return answer
        }
      },
    })
  return {
    store: { ...store, transaction: body => store.transaction(queries => body(counted(queries) as Queries)) },
    reached: () => count,
  }
}

const tables = [
  'accounts',
  'bulk_rows',
  'events',
  'outbox',
  'sessions',
  'logins',
  'challenges',
  'bindings',
  'reversals',
  'enrolment_links',
  'totp_authenticators',
  'webauthn_credentials',
  'wechat_identities',
  'service_credentials',
]

async function image(): Promise<string> {
  const lines: string[] = []
  for (const table of tables) {
    const rows = await askDatabase(world.database, `select * from ${table}`)
    lines.push(table, ...rows.map(row => JSON.stringify(row)).sort())
  }
  return lines.join('\n')
}

const rows: RebindRow[] = [
  { row: 1, username: 'anna', phone: '13800138001', email: 'anna@new.example', totp: 'unbind' },
  { row: 2, username: 'ben', password: 'another horse battery', webauthn: 'link' },
  { row: 3, username: 'cleo', disabled: true },
  { row: 4, username: 'root', disabled: true },
]

test('of a part whose transaction is broken off at any of its queries nothing is left, and it is applied later', async () => {
  const member = await world.join('anna')
  await world.bindTotp(member)
  await world.accounts('ben', 'cleo')
  for (const name of ['root', 'other']) {
    await world.services.accounts.bootstrap(name)
    const { id } = await world.account(name)
    const email = { value: `${name}@example.com`, key: `${name}@example.com` }
    await world.services.domain.store.transaction(({ accounts }) => accounts.setContact(id, 'email', email, 1))
  }
  await expect.poll(() => hasQueued(world.services)).toBe(false)
  const { domain, runs } = world.services
  const file = bulkFile([rows])
  const { run, run_secret } = await world.start(file, { actor: world.silent, notify: false })

  const before = await image()
  let queries = 0
  for (let number = 1; ; number++) {
    const { store, reached } = failingAt(domain.store, number)
    const rebinding = createRebinding({ ...domain, store }, runs)
    const work = rebinding.apply(world.silent, run.run_id, 0, { run_secret, rows })
    const outcome = await work.then(
      results => results,
      (error: unknown) => error,
    )
    if (!(outcome instanceof Aborted)) {
      expect(outcome).toMatchObject(rows.map(({ row }) => ({ row, status: 'applied' })))
      queries = reached()
      break
    }
    expect(await image(), `query ${number}`).toBe(before)
  }
  expect(queries).toBeGreaterThan(20)

  const applied = await image()
  const wanted = { run_id: newRunId(), undoes: run.run_id, row_count: 4, reason: 'undo', notify: false }
  const undo = await runs.startUndo(world.silent, wanted)
  for (let number = 1; ; number++) {
    const { store } = failingAt(domain.store, number)
    const undoing = createUndoing({ ...domain, store }, runs)
    const work = undoing.undo(world.silent, wanted.run_id, { run_secret: undo.run_secret, limit: 10 })
    const outcome = await work.then(
      page => page.results,
      (error: unknown) => error,
    )
    if (!(outcome instanceof Aborted)) {
      expect(outcome).toMatchObject([{ row: 4, code: 'service_scope_missing' }, { row: 3 }, { row: 2 }, { row: 1 }])
      break
    }
    expect(await image(), `query ${number} of the undoing`).toBe(applied)
  }
})
