import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RebindRow, RowResult } from '../../../../src/contract/rebind.ts'
import { askDatabase } from '../../../support/ask-database.ts'
import { type BulkWorld, bulkFile, newRunId, openBulkWorld } from '../../../support/bulk-world.ts'
import { caller, password, refusalOf } from '../../../support/server-world.ts'

const told = ({ status, code, changes }: RowResult) => ({ status, code, changes })
const phc = '$argon2id$v=19$m=7168,t=1,p=1$c29tZXNhbHQ$Z3HDaPbbDPdVMXjcYgjbv7z7Alf/2Z3q9mfJH+KVtI4'

describe('each column', () => {
  let world: BulkWorld
  beforeEach(async () => {
    world = await openBulkWorld()
  })
  afterEach(() => world.close())

  const undoAll = async (runId: string) => {
    const { services, token } = world
    const { applied } = await services.runs.read(runId)
    const { run, run_secret } = await services.runs.startUndo(token, {
      run_id: newRunId(),
      undoes: runId,
      row_count: applied,
      reason: 'undo',
      notify: true,
    })
    const results: RowResult[] = []
    let before: number | undefined
    for (;;) {
      const page = { run_secret, limit: 2, ...(before === undefined ? {} : { before_row: before }) }
      const once = await services.undoing.undo(token, run.run_id, page)
      expect(await services.undoing.undo(token, run.run_id, page)).toEqual(once)
      results.push(...once.results)
      if (once.next === null) return results
      before = once.next
    }
  }

  const applyNow = async (rows: RebindRow[]) => {
    const file = bulkFile([rows])
    const open = await world.start(file)
    return { runId: open.run.run_id, results: await world.applyAll(open, file) }
  }

  test('a password ends sessions, logs in, and is undone', async () => {
    const member = await world.join('anna')
    const { runId, results } = await applyNow([{ row: 1, username: 'anna', password: 'another horse battery' }])
    expect(results.map(told)).toEqual([
      { status: 'applied', code: null, changes: [{ item: 'password', old: 'set', new: 'set' }] },
    ])
    expect(await world.services.domain.store.read.sessions.isLive(member.session.id, world.clock.now())).toBe(false)
    await world.logIn('anna', 'another horse battery')
    expect(await undoAll(runId)).toMatchObject([{ row: 1, status: 'applied' }])
    await world.logIn('anna', password)
    expect((await world.account('anna')).password_hash).toBe(member.account.password_hash)
  })

  test('an account that is disabled has no access any more; one that is enabled keeps what it has', async () => {
    const member = await world.join('anna')
    const proof = await world.prove(member, 'phone.bind')
    const isLive = () => world.services.domain.store.read.sessions.isLive(member.session.id, world.clock.now())
    const { runId } = await applyNow([{ row: 1, username: 'anna', disabled: true }])
    expect(await isLive()).toBe(false)
    await undoAll(runId)
    expect((await world.account('anna')).disabled_at).toBeNull()
    const refused = world.services.contactBindings.begin(member, proof, 'phone', '13800138001')
    expect(await refusalOf(refused)).toBe('insufficient_user_authentication')
    const again = await world.logIn('anna')
    await world.accounts('ben')
    await applyNow([{ row: 1, username: 'ben', disabled: true }])
    await applyNow([
      { row: 1, username: 'ben', disabled: false },
      { row: 2, username: 'anna', phone: '13800138001' },
    ])
    expect(await world.services.domain.store.read.sessions.isLive(again.session.id, world.clock.now())).toBe(true)
  })

  test('what was begun with an item ends with an admin’s change of it', async () => {
    const member = await world.join('anna')
    await world.bindPhone(member, '+8613800138001')
    const proof = await world.prove(member, 'phone.bind')
    const { binding_id } = await world.services.contactBindings.begin(member, proof, 'phone', '+8613800138002')
    await applyNow([{ row: 1, username: 'anna', phone: '13800138003' }])
    const { read } = world.services.domain.store
    expect((await read.bindings.find(binding_id))?.ended_at).not.toBeNull()
    const open = 'select id from reversals where account_id = ? and item = ? and ended_at is null'
    expect(await askDatabase(world.database, open, member.account.id, 'phone')).toEqual([])
  })

  test('an app is unbound and comes back with its seed', async () => {
    const member = await world.join('anna')
    const secret = await world.bindTotp(member)
    const { authenticators } = world.services.domain.store.read
    const before = await authenticators.findTotp(member.account.id)
    const { runId, results } = await applyNow([{ row: 4, username: 'anna', totp: 'unbind', disabled: true }])
    expect(results[0]?.changes).toEqual([
      { item: 'totp', old: 'bound', new: null },
      { item: 'disabled', old: 'false', new: 'true' },
    ])
    expect(await authenticators.findTotp(member.account.id)).toBeUndefined()
    expect(await undoAll(runId)).toMatchObject([{ row: 4, status: 'applied' }])
    const after = await authenticators.findTotp(member.account.id)
    expect({ ...after, sealed_secret: Buffer.from(after?.sealed_secret ?? []) }).toEqual({
      ...before,
      sealed_secret: Buffer.from(before?.sealed_secret ?? []),
    })
    expect((await world.account('anna')).disabled_at).toBeNull()
    expect(secret).not.toBe('')
  })

  test('keys are unbound, and a link for a new one given again while nobody has used it', async () => {
    await world.accounts('anna', 'ben')
    const { id } = await world.account('anna')
    const key = {
      id: 'key-0000000000000000000',
      account_id: id,
      credential_id: 'Y3JlZA',
      name: 'blue',
      public_key: new Uint8Array([1, 2, 3]),
      algorithm: -7,
      sign_count: 9,
      aaguid: '00000000-0000-0000-0000-000000000000',
      transports: 'usb',
      backup_eligible: 0,
      backup_state: 0,
      bound_at: 5,
      used_at: null,
    }
    const { store } = world.services.domain
    await store.transaction(queries => queries.authenticators.insertCredential(key))
    const rows: RebindRow[] = [
      { row: 1, username: 'anna', webauthn: 'unbind', totp: 'enrol' },
      { row: 2, username: 'ben', webauthn: 'link' },
    ]
    const file = bulkFile([rows])
    const open = await world.start(file)
    const first = await world.applyAll(open, file)
    const again = await world.applyAll(open, file)
    expect(again.map(told)).toEqual(first.map(told))
    expect(again[1]?.links[0]?.link_secret).not.toBe(first[1]?.links[0]?.link_secret)
    const links = await store.read.directory.listLinks((await world.account('ben')).id, world.clock.now())
    expect(links.map(({ purpose }) => purpose).sort()).toEqual(['password', 'webauthn'])
    expect(await undoAll(open.run.run_id)).toMatchObject([
      { row: 2, status: 'applied', changes: [{ item: 'webauthn', old: 'link', new: null }] },
      { row: 1, status: 'applied' },
    ])
    const [back] = await store.read.authenticators.listCredentials(id)
    expect({ ...back, public_key: [...(back?.public_key ?? [])] }).toEqual({ ...key, public_key: [1, 2, 3] })
    expect(await world.events('ben')).toHaveLength(2)
  })

  test('WeChat is unbound, and comes back unless it is bound elsewhere', async () => {
    await world.accounts('anna', 'ben')
    const [anna, ben] = [await world.account('anna'), await world.account('ben')]
    const { store } = world.services.domain
    const identity = { openid: 'openid-of-somebody', bound_at: 3, unionid: null }
    await store.transaction(({ authenticators }) => authenticators.putWeChat({ ...identity, account_id: anna.id }))
    const { runId } = await applyNow([{ row: 1, username: 'anna', wechat: 'unbind' }])
    expect(await store.read.authenticators.findWeChat(anna.id)).toBeUndefined()
    await store.transaction(({ authenticators }) => authenticators.putWeChat({ ...identity, account_id: ben.id }))
    expect((await undoAll(runId)).map(({ status, code }) => ({ status, code }))).toEqual([
      { status: 'failed', code: 'bound_elsewhere' },
    ])
    await store.transaction(({ authenticators }) => authenticators.removeWeChat(ben.id))
    expect((await undoAll(runId)).map(({ status }) => status)).toEqual(['applied'])
    expect(await store.read.authenticators.findWeChat(anna.id)).toMatchObject({ openid: identity.openid, bound_at: 3 })
  })

  test('a number handed on comes back; one that was changed since is skipped', async () => {
    await world.accounts('anna', 'ben', 'cleo')
    await applyNow([{ row: 1, username: 'anna', phone: '13800138001' }])
    const { runId } = await applyNow([
      { row: 1, username: 'anna', phone: '13800138002' },
      { row: 2, username: 'ben', phone: '13800138001' },
      { row: 3, username: 'cleo', email: 'new@example.com' },
    ])
    world.clock.advance(1000)
    await applyNow([{ row: 1, username: 'cleo', email: 'newer@example.com' }])
    expect((await undoAll(runId)).map(({ row, status, code }) => ({ row, status, code }))).toEqual([
      { row: 3, status: 'skipped', code: 'changed_since' },
      { row: 2, status: 'applied', code: null },
      { row: 1, status: 'applied', code: null },
    ])
    expect((await world.account('anna')).phone_number).toBe('+8613800138001')
    expect((await world.account('ben')).phone_number).toBeNull()
  })

  test('refusals have a code for each row, and the rows beside them are applied', async () => {
    await world.accounts('anna', 'ben')
    await applyNow([{ row: 1, username: 'ben', phone: '13800138009' }])
    const rows: RebindRow[] = [
      { row: 1, username: 'nobody', phone: '13800138001' },
      { row: 2, phone: '13800138001' },
      { row: 3, username: 'anna', account_id: 'a'.repeat(22) },
      { row: 4, username: 'anna', phone: '12' },
      { row: 5, username: 'anna', email: 'x' },
      { row: 6, username: 'anna', password: 'a' },
      { row: 7, username: 'anna', password: 'long enough this', password_hash: phc },
      { row: 8, username: 'anna', password_hash: 'x' },
      { row: 9, username: 'anna', phone: '13800138009' },
      { row: 10, username: 'anna' },
      { row: 11, username: 'anna', email: 'ANNA@example.com', password_hash: phc },
    ]
    const looked = await world.services.rebinding.check(world.token, rows)
    const { results } = await applyNow(rows)
    expect(results.map(told)).toEqual(looked.map(told))
    expect(results.map(({ status, code }) => code ?? status)).toEqual([
      'account_unknown',
      'invalid_request',
      'invalid_request',
      'phone_number_invalid',
      'email_address_invalid',
      'password_too_short',
      'invalid_request',
      'password_hash_invalid',
      'bound_elsewhere',
      'unchanged',
      'applied',
    ])
    expect(results[8]?.owner).toBe('ben')
    expect(await world.events('anna')).toHaveLength(1)
  })

  test('the last way in is kept, and admins from scripts', async () => {
    await world.services.accounts.create({ username: 'anna' }, caller).catch(() => {})
    const { username } = await world.services.accounts.bootstrap('root')
    const { store } = world.services.domain
    const anna = await world.account('anna')
    await store.transaction(({ authenticators }) =>
      authenticators.putTotp({
        account_id: anna.id,
        sealed_secret: new Uint8Array(3),
        last_step: 0,
        bound_at: 1,
        used_at: null,
      }),
    )
    const results = await world.rebind([
      { row: 1, username: 'anna', totp: 'unbind' },
      { row: 2, username, phone: '13800138001' },
      { row: 3, username, disabled: true },
    ])
    expect(results.map(({ code }) => code)).toEqual(['last_factor', 'service_scope_missing', 'last_admin'])
  })

  test('runs hold to their file, owner and secret', async () => {
    await world.accounts('anna')
    const { services, token, silent } = world
    const file = bulkFile([[{ row: 1, username: 'anna', phone: '13800138001' }]])
    const other = bulkFile([[{ row: 1, username: 'anna', phone: '13800138002' }]])
    const run_id = newRunId()
    const { run_secret: old } = await world.start(file, { run_id })
    const { run_secret } = await world.start(file, { run_id })
    expect(await refusalOf(world.start(other, { run_id }))).toBe('run_conflict')
    expect(await refusalOf(world.start(file, { notify: false }))).toBe('service_scope_missing')
    const send = (secret: string, rows = file.batches[0] ?? [], actor = token, batch = 0) =>
      refusalOf(services.rebinding.apply(actor, run_id, batch, { run_secret: secret, rows }))
    expect(await send(old)).toBe('run_secret_invalid')
    expect(await send(run_secret, other.batches[0])).toBe('batch_mismatch')
    expect(await send(run_secret, file.batches[0], token, 1)).toBe('batch_mismatch')
    expect(await send(run_secret, file.batches[0], silent)).toBe('run_unknown')
    expect(await send(run_secret)).toBe('done')
    expect((await services.runs.finish(token, run_id, run_secret)).applied).toBe(1)
    expect(await send(run_secret)).toBe('run_finished')
    expect(await refusalOf(world.start(file, { run_id }))).toBe('run_finished')
    world.clock.advance(25 * 60 * 60_000)
    expect(await send(run_secret)).toBe('run_secret_invalid')
  })

  test('of eight that send the same batch each row is applied once', async () => {
    const names = Array.from({ length: 120 }, (_, index) => `user${index}`)
    await world.accounts(...names)
    const rows = names.map((username, index) => ({ row: index + 1, username, phone: `1390013${String(8000 + index)}` }))
    const file = bulkFile([rows])
    const open = await world.start(file, { actor: world.silent, notify: false })
    const all = await Promise.all(Array.from({ length: 8 }, () => world.applyAll(open, file, world.silent)))
    for (const results of all) expect(results.every(({ status }) => status === 'applied')).toBe(true)
    for (const name of names) expect(await world.events(name)).toHaveLength(1)
    expect((await world.services.runs.read(open.run.run_id)).applied).toBe(120)
  })
})
