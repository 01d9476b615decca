import { recordChange } from '../../src/server/domain/change.ts'
import { boundContact } from '../../src/server/domain/contacts.ts'
import type { Domain } from '../../src/server/domain/domain.ts'
import type { NewMessage } from '../../src/server/domain/outbox.ts'
import { newId } from '../../src/server/domain/secret-keys.ts'
import type { AccountsTable } from '../../src/server/store/schema.ts'
import { caller } from './server-world.ts'
import { undoSecretIn } from './undo-link.ts'

export type Item = 'phone' | 'email'

/** Changes of numbers and addresses as the services write them, without the ceremonies around; messages are kept. */
export interface ContactChanges {
  readonly domain: Domain
  readonly sent: NewMessage[]
  /** Inserts an account that can log in by a password. */
  account(given?: Partial<AccountsTable>): Promise<AccountsTable>
  again(account: AccountsTable): Promise<AccountsTable>
  /** @returns the secrets of the links in the notices, by destination */
  change(account: AccountsTable, item: Item, to: string | null): Promise<Map<string, string | undefined>>
}

let accounts = 0

export function contactChanges(real: Domain): ContactChanges {
  const sent: NewMessage[] = []
  /** Those of a change whose transaction may run again. */
  let adding: NewMessage[] | undefined
  const outbox: Domain['outbox'] = {
    ...real.outbox,
    async add(_queries, message) {
      if (message) (adding ?? sent).push(message)
      return ''
    },
  }
  const domain: Domain = { ...real, outbox }
  const { store, clock, random } = domain
  const again = async ({ id }: AccountsTable): Promise<AccountsTable> => {
    const account = await store.read.accounts.find(id)
    if (!account) throw new Error('the account is gone')
    return account
  }
  return {
    domain,
    sent,
    again,
    async account(given = {}) {
      const username = `changing-${++accounts}`
      const row: AccountsTable = {
        id: newId(random),
        username,
        username_key: username,
        password_hash: 'x',
        password_set_at: 0,
        password_used_at: null,
        phone_number: null,
        phone_bound_at: null,
        phone_used_at: null,
        email_address: null,
        email_key: null,
        email_bound_at: null,
        email_used_at: null,
        user_handle: random.bytes(32),
        locale: 'en',
        role: 'person',
        disabled_at: null,
        created_at: clock.now(),
        ...given,
      }
      if (await store.transaction(queries => queries.accounts.insert(row))) throw new Error('taken')
      return row
    },
    async change(account, item, to) {
      let added: NewMessage[] = []
      await store.transaction(async queries => {
        added = []
        adding = added
        const current = await queries.accounts.find(account.id)
        if (!current) throw new Error('the account is gone')
        const contact = to === null ? null : { value: to, key: to }
        if (await queries.accounts.setContact(account.id, item, contact, clock.now())) throw new Error('taken')
        const old = boundContact(current, item)
        await recordChange(domain, queries, caller, {
          account: current,
          sessionId: null,
          action: to === null ? `${item}.unbind` : `${item}.bind`,
          notice: `${item}.bind`,
          method: 'password',
          details: { ...(old ? { old: old.value } : {}), ...(to ? { new: to } : {}) },
          ...(to === null ? {} : { newDestination: { channel: item, destination: to } }),
          undoable: item,
        })
      })
      adding = undefined
      sent.push(...added)
      return new Map(added.map(message => [message.to, undoSecretIn(message.text)]))
    },
  }
}
