// The undoing of runs over accounts that nobody could log in to, and over accounts that were changed since.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RebindRow, RowResult } from '../../../../src/contract/rebind.ts'
import { setDisabled } from '../../../../src/server/domain/account-access.ts'
import { issueLink } from '../../../../src/server/domain/enrolment-links.ts'
import { type BulkWorld, bulkFile, newRunId, openBulkWorld } from '../../../support/bulk-world.ts'
import { caller, password } from '../../../support/server-world.ts'

const told = ({ row, status, code }: RowResult) => `${row} ${code ?? status}`

let world: BulkWorld
beforeEach(async () => {
  world = await openBulkWorld()
})
afterEach(() => world.close())

/** @returns the run that has applied the rows */
async function applied(...rows: Omit<RebindRow, 'row'>[]): Promise<string> {
  const file = bulkFile([rows.map((row, index) => ({ row: index + 1, ...row }))])
  const open = await world.start(file)
  const results = await world.applyAll(open, file)
  expect(results.every(({ status }) => status === 'applied')).toBe(true)
  return open.run.run_id
}

/** Undoes a run, which must do what its preview says. */
async function undone(runId: string): Promise<string[]> {
  const { services, token } = world
  const preview = await services.undoing.preview(token, runId, {})
  const asked = { run_id: newRunId(), undoes: runId, row_count: preview.results.length, reason: 'undo', notify: true }
  const { run, run_secret } = await services.runs.startUndo(token, asked)
  const { results } = await services.undoing.undo(token, run.run_id, { run_secret, limit: 100 })
  expect(results.map(told)).toEqual(preview.results.map(told))
  return results.map(told)
}

const newcomer = (username: string) => world.services.accounts.create({ username, emailAddress: undefined }, caller)

const edit = async (username: string, change: 'link' | 'end links' | 'disable' | 'enable') => {
  const account = await world.account(username)
  const { domain } = world.services
  await domain.store.transaction(async queries => {
    if (change === 'link') await issueLink(domain, queries, account, 'password')
    else if (change === 'end links') await queries.links.endAll(account.id, world.clock.now())
    else await setDisabled(domain, queries, account, change === 'disable')
  })
  world.clock.advance(1000)
}

const takeEmail = async (username: string) => {
  const { id } = await world.account(username)
  await world.services.domain.store.transaction(queries =>
    queries.accounts.setContact(id, 'email', null, world.clock.now()),
  )
}

describe('an account that nobody could log in to', () => {
  test('has its number taken away again, and its link still opens', async () => {
    const { link_secret } = await newcomer('anna')
    const runId = await applied({ username: 'anna', phone: '13800138001', email: 'a@example.com' })
    expect(await undone(runId)).toEqual(['1 applied'])
    expect(await world.account('anna')).toMatchObject({ phone_number: null, email_address: null, password_hash: null })
    await world.services.credentials.redeemEnrolmentLink(caller, link_secret, password)
    expect((await world.account('anna')).password_hash).not.toBeNull()
  })

  test('also once its link has expired, or the row ended it', async () => {
    await newcomer('anna')
    await newcomer('ben')
    const runId = await applied(
      { username: 'anna', phone: '13800138001' },
      { username: 'ben', password: 'a horse, blue' },
    )
    world.clock.advance(world.services.domain.policy.linkLifetime + 1)
    expect(await undone(runId)).toEqual(['2 applied', '1 applied'])
    expect((await world.account('ben')).password_hash).toBeNull()
  })

  test('with an app alone is no other: what let nobody in is not counted', async () => {
    await newcomer('anna')
    const { id } = await world.account('anna')
    const app = { account_id: id, sealed_secret: new Uint8Array(3), last_step: 0, bound_at: 1, used_at: null }
    await world.services.domain.store.transaction(({ authenticators }) => authenticators.putTotp(app))
    expect(await undone(await applied({ username: 'anna', phone: '13800138001' }))).toEqual(['1 applied'])
  })
})

describe('an account that somebody could log in to', () => {
  const boundThenBare = async () => {
    await world.accounts('anna')
    await edit('anna', 'end links')
    const runId = await applied({ username: 'anna', phone: '13800138001' })
    await takeEmail('anna')
    return runId
  }

  test('keeps the number that is the last way in by now', async () => {
    expect(await undone(await boundThenBare())).toEqual(['1 last_factor'])
    expect((await world.account('anna')).phone_number).toBe('+8613800138001')
  })

  test('loses it where an unused password link is left', async () => {
    const runId = await boundThenBare()
    await edit('anna', 'link')
    expect(await undone(runId)).toEqual(['1 applied'])
  })

  test('keeps it where the link has expired', async () => {
    const runId = await boundThenBare()
    await edit('anna', 'link')
    world.clock.advance(world.services.domain.policy.linkLifetime)
    expect(await undone(runId)).toEqual(['1 last_factor'])
  })

  test('keeps a password whose undoing would end the link', async () => {
    await world.accounts('anna')
    const runId = await applied({ username: 'anna', password: 'a horse, blue' })
    await takeEmail('anna')
    await edit('anna', 'link')
    expect(await undone(runId)).toEqual(['1 last_factor'])
  })

  test('keeps it where the undoing disables the account, which ends its link', async () => {
    await world.accounts('anna')
    await edit('anna', 'disable')
    const runId = await applied({ username: 'anna', phone: '13800138001', disabled: false })
    await takeEmail('anna')
    await edit('anna', 'link')
    expect(await undone(runId)).toEqual(['1 last_factor'])
  })

  test('is refused by an ordinary row however many links there are', async () => {
    await newcomer('anna')
    await edit('anna', 'link')
    const { id } = await world.account('anna')
    const app = { account_id: id, sealed_secret: new Uint8Array(3), last_step: 0, bound_at: 1, used_at: null }
    await world.services.domain.store.transaction(({ authenticators }) => authenticators.putTotp(app))
    expect((await world.rebind([{ row: 1, username: 'anna', totp: 'unbind' }])).map(told)).toEqual(['1 last_factor'])
  })
})

describe('an account that was disabled or enabled', () => {
  beforeEach(() => world.accounts('anna'))

  test('and enabled and disabled once more since, stays disabled', async () => {
    const runId = await applied({ username: 'anna', disabled: true })
    world.clock.advance(1000)
    await edit('anna', 'enable')
    await edit('anna', 'disable')
    const { disabled_at } = await world.account('anna')
    expect(await undone(runId)).toEqual(['1 changed_since'])
    expect((await world.account('anna')).disabled_at).toBe(disabled_at)
  })

  test('and enabled since, stays enabled', async () => {
    const runId = await applied({ username: 'anna', disabled: true })
    await edit('anna', 'enable')
    expect(await undone(runId)).toEqual(['1 changed_since'])
    expect((await world.account('anna')).disabled_at).toBeNull()
  })

  test('by a row that enabled it, and disabled since, stays disabled as of then', async () => {
    await edit('anna', 'disable')
    const runId = await applied({ username: 'anna', disabled: false, phone: '13800138001' })
    await edit('anna', 'disable')
    const { disabled_at } = await world.account('anna')
    expect(await undone(runId)).toEqual(['1 changed_since'])
    expect(await world.account('anna')).toMatchObject({ disabled_at, phone_number: '+8613800138001' })
  })

  test('by a row that enabled it, is disabled again as of before', async () => {
    await edit('anna', 'disable')
    const { disabled_at } = await world.account('anna')
    expect(await undone(await applied({ username: 'anna', disabled: false }))).toEqual(['1 applied'])
    expect((await world.account('anna')).disabled_at).toBe(disabled_at)
  })
})
