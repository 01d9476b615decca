import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import type { Queries, Store, Taken } from '../../../src/server/domain/ports/store.ts'
import { newId } from '../../../src/server/domain/secret-keys.ts'
import type { AccountsTable } from '../../../src/server/store/schema.ts'
import { testDatabase } from '../../support/database.ts'
import { openStoreAt } from '../../support/store-at.ts'

const racers = 16
const now = 1_800_000_000_000

let folder: string
let store: Store

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-unique-'))
  store = await openStoreAt(await testDatabase(folder))
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const anAccount = (username: string): AccountsTable => ({
  id: newId(systemRandom),
  username,
  username_key: username,
  password_hash: null,
  password_set_at: null,
  password_used_at: null,
  phone_number: null,
  phone_bound_at: null,
  phone_used_at: null,
  email_address: null,
  email_key: null,
  email_bound_at: null,
  email_used_at: null,
  user_handle: systemRandom.bytes(32),
  locale: 'en',
  role: 'person',
  disabled_at: null,
  created_at: now,
})

/** New accounts, one for each racer. */
const accounts = (prefix: string): Promise<string[]> =>
  Promise.all(
    Array.from({ length: racers }, async (_, index) => {
      const account = anAccount(`${prefix}-${index}`)
      await store.transaction(queries => queries.accounts.insert(account))
      return account.id
    }),
  )

/** What each racer wants: the same for all. `undefined` where it is theirs now. */
type Want = (queries: Queries, accountId: string) => Promise<Taken | undefined>

const credential = (account_id: string) => ({
  id: newId(systemRandom),
  account_id,
  credential_id: 'same',
  name: 'key',
  public_key: Uint8Array.of(1),
  algorithm: -7,
  sign_count: 0,
  aaguid: '',
  transports: '',
  backup_eligible: 0,
  backup_state: 0,
  bound_at: now,
  used_at: null,
})

const wants: Readonly<Record<string, Want>> = {
  username: queries => queries.accounts.insert(anAccount('same')),
  phone: (queries, id) =>
    queries.accounts.setContact(id, 'phone', { value: '+8613800138000', key: '+8613800138000' }, now),
  email: (queries, id) => queries.accounts.setContact(id, 'email', { value: 'A@b.cn', key: 'a@b.cn' }, now),
  openid: (queries, id) =>
    queries.authenticators.putWeChat({ account_id: id, openid: 'same', bound_at: now, unionid: null }),
  unionid: (queries, id) =>
    queries.authenticators.putWeChat({ account_id: id, openid: `of-${id}`, bound_at: now, unionid: 'same' }),
  'credential id': (queries, id) => queries.authenticators.insertCredential(credential(id)),
}

describe(`of ${racers} that want the same at once`, () => {
  test.each(Object.entries(wants))('one gets the %s, and the transactions of the others go on', async (what, want) => {
    const ids = await accounts(what)
    const outcomes = await Promise.all(
      ids.map((id, index) =>
        store.transaction(async queries => {
          const taken = await want(queries, id)
          // After a violation as well: the transaction holds.
          await queries.settings.write(`${what}-${index}`, Uint8Array.of(1), now)
          return taken
        }),
      ),
    )
    expect(outcomes.filter(taken => taken === undefined)).toHaveLength(1)
    expect(outcomes.filter(taken => taken === 'taken')).toHaveLength(racers - 1)
    for (const index of ids.keys()) expect(await store.read.settings.read(`${what}-${index}`)).toBeDefined()
  })

  test('outside of a transaction one gets it, too', async () => {
    const ids = await accounts('outside')
    const contact = { value: '+8613800138001', key: '+8613800138001' }
    const outcomes = await Promise.all(ids.map(id => store.read.accounts.setContact(id, 'phone', contact, now)))
    expect(outcomes.filter(taken => taken === undefined)).toHaveLength(1)
  })
})
