import type { AccountsTable } from '../../store/schema.ts'
import type { ContactOwner } from '../ports/bulk-queries.ts'
import type { Channel, Queries } from '../ports/store.ts'
import { type AccountState, stateOf } from './edit.ts'
import type { Wish } from './wishes.ts'

/** Who is asked for: an account's key, or its id. */
interface Named {
  readonly usernameKey?: string | undefined
  readonly accountId?: string | undefined
}

interface Holder {
  readonly id: string
  readonly username: string
}

/** The accounts that a few rows are about, and who has what the rows want. Rows that are planned change it. */
export class World {
  readonly #states = new Map<string, AccountState>()
  readonly #ids = new Map<string, string>()
  readonly #holders = new Map<string, Holder>()
  readonly #freed = new Map<string, number>()

  /** @param owners of the wanted contacts, among accounts that need not be in `states` */
  constructor(states: readonly AccountState[], owners: Readonly<Record<Channel, readonly ContactOwner[]>>) {
    for (const state of states) {
      this.#states.set(state.account.id, state)
      this.#ids.set(state.account.username_key, state.account.id)
    }
    for (const { id, username, phone_number: phone } of owners.phone)
      this.#holders.set(`phone:${phone}`, { id, username })
    for (const { id, username, email_key: email } of owners.email) this.#holders.set(`email:${email}`, { id, username })
  }

  stateOf({ usernameKey, accountId }: Named): AccountState | undefined {
    const id = usernameKey === undefined ? accountId : this.#ids.get(usernameKey)
    return id === undefined ? undefined : this.#states.get(id)
  }

  /** The admins among the accounts who are not disabled. */
  get admins(): string[] {
    const states = [...this.#states.values()]
    return states
      .filter(({ account, disabledAt }) => account.role === 'admin' && disabledAt === null)
      .map(({ account }) => account.id)
  }

  holderOf(channel: Channel, key: string): Holder | undefined {
    return this.#holders.get(`${channel}:${key}`)
  }

  /** After which wave of writes a number or address is free: 0 where it is free from the start. */
  freeAfter(channel: Channel, key: string): number {
    return this.#freed.get(`${channel}:${key}`) ?? 0
  }

  /** Makes an account what a row makes of it, in the given wave of writes. */
  become(next: AccountState, wave: number): void {
    const { account } = next
    const previous = this.#states.get(account.id)
    this.#states.set(account.id, next)
    for (const channel of ['phone', 'email'] as const) {
      const old = previous?.[channel]?.key
      const now = next[channel]?.key
      if (old === now) continue
      if (old !== undefined) {
        this.#holders.delete(`${channel}:${old}`)
        this.#freed.set(`${channel}:${old}`, wave)
      }
      if (now !== undefined) this.#holders.set(`${channel}:${now}`, { id: account.id, username: account.username })
    }
  }
}

/** Whether an account has an unused link by which its owner sets a password. */
export async function hasPasswordLink(
  directory: Pick<Queries['directory'], 'listLinks'>,
  accountId: string,
  now: number,
): Promise<boolean> {
  const links = await directory.listLinks(accountId, now)
  return links.some(({ purpose }) => purpose === 'password')
}

const given = <T>(values: readonly (T | undefined)[]): T[] => values.filter(value => value !== undefined)

/** The accounts of these ids with all that is bound, by a few queries however many there are. */
export async function loadStates(bulk: Queries['bulk'], ids: readonly string[]): Promise<AccountState[]> {
  return withBound(bulk, await bulk.findAccounts(ids), ids)
}

/** @param looked the ids of the accounts whose authenticators are looked at */
async function withBound(
  bulk: Queries['bulk'],
  accounts: readonly AccountsTable[],
  looked: readonly string[],
): Promise<AccountState[]> {
  const [totp, wechat, keys] = await Promise.all([
    bulk.listTotp(looked),
    bulk.listWeChat(looked),
    bulk.listCredentials(looked),
  ])
  const totpOf = new Map(totp.map(row => [row.account_id, row]))
  const wechatOf = new Map(wechat.map(row => [row.account_id, row]))
  return accounts.map(account =>
    stateOf(account, {
      totp: totpOf.get(account.id) ?? null,
      wechat: wechatOf.get(account.id) ?? null,
      keys: keys.filter(key => key.account_id === account.id),
    }),
  )
}

const lacksContacts = (account: AccountsTable): boolean =>
  account.password_hash === null && account.phone_number === null && account.email_address === null

/** Reads what is needed to plan `wishes`, by a few queries however many there are. */
export async function loadWorld(queries: Queries, wishes: readonly Wish[]): Promise<World> {
  const { bulk } = queries
  const [named, numbered] = await Promise.all([
    bulk.findAccountsByUsernameKey(given(wishes.map(({ usernameKey }) => usernameKey))),
    bulk.findAccounts(given(wishes.map(({ accountId }) => accountId))),
  ])
  const accounts = [...named, ...numbered]
  const looksAtBound = wishes.some(({ totp, wechat, webauthn }) => totp || wechat || webauthn)
  // Of the others it matters only where nothing else lets anybody in.
  const ids = accounts.filter(account => looksAtBound || lacksContacts(account)).map(({ id }) => id)
  const [states, phone, email] = await Promise.all([
    withBound(bulk, accounts, ids),
    bulk.ownersOfContacts('phone', given(wishes.map(wish => wish.phone?.key))),
    bulk.ownersOfContacts('email', given(wishes.map(wish => wish.email?.key))),
  ])
  return new World(states, { phone, email })
}
