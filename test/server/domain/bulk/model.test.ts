import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RebindRow, RowResult } from '../../../../src/contract/rebind.ts'
import { type BulkWorld, bulkFile, newRunId, openBulkWorld } from '../../../support/bulk-world.ts'

const hashes = [
  '$argon2id$v=19$m=7168,t=1,p=1$c29tZXNhbHQ$Z3HDaPbbDPdVMXjcYgjbv7z7Alf/2Z3q9mfJH+KVtI4',
  '$argon2id$v=19$m=7168,t=1,p=1$b3RoZXJzYWx0$Z3HDaPbbDPdVMXjcYgjbv7z7Alf/2Z3q9mfJH+KVtI4',
] as const

let world: BulkWorld
let runs = 0

beforeAll(async () => {
  world = await openBulkWorld()
})
afterAll(() => world.close())

/** What is asked of one account, by numbers that are the same in every run. */
interface Asked {
  readonly who: number
  readonly phone?: number
  readonly email?: number
  readonly upper?: boolean
  readonly hash?: number
  readonly totp?: 'unbind' | 'enrol'
  readonly wechat?: 'unbind'
  readonly webauthn?: 'unbind' | 'link'
  readonly disabled?: boolean
}

interface Account {
  phone: string | null
  email: string | null
  hash: string | null
  totp: boolean
  wechat: boolean
  key: boolean
  disabled: boolean
}

/** Four people, of whom the last has an app and a key alone; the fifth does not exist. */
const people = 4

const asked: fc.Arbitrary<Asked> = fc.record(
  {
    who: fc.nat(people),
    phone: fc.nat(5),
    email: fc.nat(5),
    upper: fc.boolean(),
    hash: fc.nat(1),
    totp: fc.constantFrom('unbind', 'enrol'),
    wechat: fc.constant('unbind'),
    webauthn: fc.constantFrom('unbind', 'link'),
    disabled: fc.boolean(),
  },
  { requiredKeys: ['who'] },
)

const nameOf = (run: number, who: number) => `r${run}u${who}`
const phoneOf = (run: number, phone: number) => `+86137${String(run * 10 + phone).padStart(8, '0')}`
const emailOf = (run: number, { email = 0, upper = false }: Asked) => `${upper ? 'E' : 'e'}${email}@r${run}.example`

const rowOf = (run: number, number: number, one: Asked): RebindRow => ({
  row: number,
  username: nameOf(run, one.who),
  ...(one.phone === undefined ? {} : { phone: phoneOf(run, one.phone) }),
  ...(one.email === undefined ? {} : { email: emailOf(run, one) }),
  ...(one.hash === undefined ? {} : { password_hash: hashes[one.hash] ?? '' }),
  ...(one.totp === undefined ? {} : { totp: one.totp }),
  ...(one.wechat === undefined ? {} : { wechat: one.wechat }),
  ...(one.webauthn === undefined ? {} : { webauthn: one.webauthn }),
  ...(one.disabled === undefined ? {} : { disabled: one.disabled }),
})

/** Makes the accounts of a run, as the model begins with them. */
async function populate(run: number): Promise<Account[]> {
  const { services } = world
  const accounts: Account[] = []
  for (let who = 0; who < people; who++) {
    const isBare = who === people - 1
    const email = isBare ? null : emailOf(run, { who, email: who })
    const username = nameOf(run, who)
    await services.accounts.create({ username, emailAddress: email ?? undefined }, { source: 'test' })
    const { id } = await world.account(username)
    const phone = who === 0 ? phoneOf(run, 0) : null
    const has = { totp: isBare || who === 0, wechat: who === 1, key: isBare || who === 2 }
    await services.domain.store.transaction(async ({ accounts: rows, authenticators }) => {
      if (phone) await rows.setContact(id, 'phone', { value: phone, key: phone }, 1)
      const sealed = { sealed_secret: new Uint8Array([who]), last_step: 0, bound_at: 1, used_at: null }
      if (has.totp) await authenticators.putTotp({ account_id: id, ...sealed })
      const identity = { openid: `openid-${run}-${who}`, bound_at: 1, unionid: null }
      if (has.wechat) await authenticators.putWeChat({ account_id: id, ...identity })
      if (has.key) await authenticators.insertCredential(keyOf(run, who, id))
    })
    accounts.push({ phone, email, hash: null, ...has, disabled: false })
  }
  return accounts
}

const keyOf = (run: number, who: number, accountId: string) => ({
  id: `key-${run}-${who}`.padEnd(22, '-'),
  account_id: accountId,
  credential_id: `credential-${run}-${who}`,
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
})

/** What the rules say of one row; changes the accounts where it is applied. */
function judge(run: number, accounts: Account[], one: Asked): string {
  const account = accounts[one.who]
  if (!account) return 'account_unknown'
  const phone = one.phone === undefined ? account.phone : phoneOf(run, one.phone)
  const email = one.email === undefined ? account.email : emailOf(run, one)
  for (const other of accounts) {
    if (other === account) continue
    const isTaken = phone !== null && phone === other.phone
    if (isTaken || (email !== null && email.toLowerCase() === other.email?.toLowerCase())) return 'bound_elsewhere'
  }
  const after: Account = {
    phone,
    email,
    hash: one.hash === undefined ? account.hash : (hashes[one.hash] ?? ''),
    totp: account.totp && one.totp !== 'unbind',
    wechat: account.wechat && one.wechat !== 'unbind',
    key: account.key && one.webauthn !== 'unbind',
    disabled: one.disabled ?? account.disabled,
  }
  const gives = one.totp === 'enrol' || one.webauthn === 'link'
  if (!gives && JSON.stringify(after) === JSON.stringify(account)) return 'unchanged'
  const isWayIn = after.hash !== null || email !== null || phone !== null || (after.key && after.totp)
  const takes = account.totp !== after.totp || account.key !== after.key
  if (takes && !isWayIn && !gives) return 'last_factor'
  Object.assign(account, after)
  return 'applied'
}

async function stored(run: number): Promise<Account[]> {
  const { authenticators } = world.services.domain.store.read
  const accounts: Account[] = []
  for (let who = 0; who < people; who++) {
    const row = await world.account(nameOf(run, who))
    accounts.push({
      phone: row.phone_number,
      email: row.email_address,
      hash: row.password_hash,
      totp: (await authenticators.findTotp(row.id)) !== undefined,
      wechat: (await authenticators.findWeChat(row.id)) !== undefined,
      key: (await authenticators.listCredentials(row.id)).length > 0,
      disabled: row.disabled_at !== null,
    })
  }
  return accounts
}

/** Every column of what an account's rows say. */
async function image(run: number): Promise<string> {
  const { authenticators } = world.services.domain.store.read
  const rows: unknown[] = []
  for (let who = 0; who < people; who++) {
    const row = await world.account(nameOf(run, who))
    rows.push(row, await authenticators.findTotp(row.id), await authenticators.findWeChat(row.id))
    rows.push(await authenticators.listCredentials(row.id))
  }
  return JSON.stringify(rows, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value))
}

const outcomeOf = ({ status, code }: RowResult): string => code ?? status

const inBatches = (rows: readonly RebindRow[], sizes: readonly number[]): RebindRow[][] => {
  const batches: RebindRow[][] = []
  for (let start = 0; start < rows.length; ) {
    const size = sizes[batches.length % sizes.length] ?? 1
    batches.push(rows.slice(start, start + size))
    start += size
  }
  return batches
}

const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })

async function eventsOf(run: number): Promise<number> {
  let events = 0
  for (let who = 0; who < people; who++) events += (await world.events(nameOf(run, who))).length
  return events
}

test('any file, in batches of any size, does to the accounts what a simple model does, as it was looked at', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(asked, { minLength: 1, maxLength: 10 }), sizes, async (file, batchSizes) => {
      const run = ++runs
      const model = await populate(run)
      const rows = file.map((one, index) => rowOf(run, index + 1, one))
      const expected = file.map(one => judge(run, model, one))
      const looked = await world.services.rebinding.check(world.token, rows)
      expect(looked.map(outcomeOf)).toEqual(expected)
      const announced = bulkFile(inBatches(rows, batchSizes))
      const open = await world.start(announced)
      const results = await world.applyAll(open, announced)
      expect(results.map(outcomeOf)).toEqual(expected)
      expect(results.map(({ row, changes, owner }) => ({ row, changes, owner }))).toEqual(
        looked.map(({ row, changes, owner }) => ({ row, changes, owner })),
      )
      expect(await stored(run)).toEqual(model)
      const applied = expected.filter(outcome => outcome === 'applied').length
      expect((await world.services.runs.read(open.run.run_id)).applied).toBe(applied)
      expect(await eventsOf(run)).toBe(applied)
    }),
    { numRuns: 60 },
  )
})

/** A file as a client lets it through: each account once, each number and address once. */
const clean = fc
  .uniqueArray(asked, { selector: ({ who }) => who, minLength: 1, maxLength: people })
  .filter(file => new Set(file.map(({ phone, who }) => phone ?? `-${who}`)).size === file.length)
  .filter(file => new Set(file.map(({ email, who }) => email ?? `-${who}`)).size === file.length)

test('a run that is broken off anywhere, with any batch sent again, ends as one that is not; undone, as it began', async () => {
  const repeats = fc.array(fc.record({ batch: fc.nat(9), restarts: fc.boolean() }), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(clean, sizes, repeats, fc.integer({ min: 1, max: 5 }), async (file, batchSizes, again, limit) => {
      const run = ++runs
      const model = await populate(run)
      const trial = structuredClone(model)
      const valid = file.filter(one => ['applied', 'unchanged'].includes(judge(run, trial, one)))
      fc.pre(valid.length > 0)
      const before = await image(run)
      const expected = valid.map(one => judge(run, model, one))
      const rows = valid.map((one, index) => rowOf(run, (index + 1) * 3, one))
      const announced = bulkFile(inBatches(rows, batchSizes))
      const run_id = newRunId()
      let open = await world.start(announced, { run_id })
      const send = (batch: number) =>
        world.services.rebinding.apply(world.token, run_id, batch, {
          run_secret: open.run_secret,
          rows: announced.batches[batch] ?? [],
        })
      const first: RowResult[][] = []
      const left = [...again]
      const resend = async () => {
        const step = left.shift()
        if (!step || first.length === 0) return
        if (step.restarts) open = await world.start(announced, { run_id })
        const batch = step.batch % first.length
        expect((await send(batch)).map(outcomeOf)).toEqual(first[batch]?.map(outcomeOf))
      }
      for (const batch of announced.batches.keys()) {
        first.push(await send(batch))
        await resend()
      }
      while (left.length > 0) await resend()
      expect(first.flat().map(outcomeOf)).toEqual(expected)
      expect(await stored(run)).toEqual(model)
      const applied = expected.filter(outcome => outcome === 'applied').length
      expect(await eventsOf(run)).toBe(applied)

      if (applied > 0) await undoAll(run_id, applied, limit)
      expect(await image(run)).toBe(before)
      expect(await eventsOf(run)).toBe(2 * applied)
    }),
    { numRuns: 60 },
  )
})

/** Undoes a run by pages, each of which is sent twice. */
async function undoAll(undoes: string, row_count: number, limit: number): Promise<void> {
  const { services, token } = world
  const wanted = { run_id: newRunId(), undoes, row_count, reason: 'undo', notify: true }
  const { run_secret } = await services.runs.startUndo(token, wanted)
  let before_row: number | null | undefined
  let undone = 0
  while (before_row !== null) {
    const page = { run_secret, limit, ...(before_row === undefined ? {} : { before_row }) }
    const { results, next } = await services.undoing.undo(token, wanted.run_id, page)
    expect((await services.undoing.undo(token, wanted.run_id, page)).results.map(outcomeOf)).toEqual(
      results.map(outcomeOf),
    )
    for (const { status } of results) if (status === 'applied') undone++
    before_row = next
  }
  expect(undone).toBe(row_count)
}
