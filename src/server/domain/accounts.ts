import { isoTime } from '../../lib/clock.ts'
import type { AccountsTable } from '../store/schema.ts'
import { parseEmailAddress, parsePhoneNumber } from './contacts.ts'
import type { Caller, Domain } from './domain.ts'
import { issueLink } from './enrolment-links.ts'
import { recordEvent } from './events.ts'
import type { Queries } from './ports/store.ts'
import { Refusal } from './refusal.ts'
import { newId } from './secret-keys.ts'
import { checkUsername, usernameKey } from './usernames.ts'

export interface NewAccount {
  readonly username: string
  readonly emailAddress?: string | undefined
  readonly phoneNumber?: string | undefined
}

export interface EnrolmentLink {
  readonly username: string
  readonly link_secret: string
  readonly expires_at: string
}

/** Accounts that this server makes itself: without a password, with a one-time link by which the owner sets one. */
export interface Accounts {
  /** @throws {Refusal} `username_invalid`, `username_taken`, `bound_elsewhere` … */
  create(account: NewAccount, caller: Pick<Caller, 'source'>): Promise<EnrolmentLink>
  /** A new link for an admin's account; earlier ones stop working. Makes the account when there is none. */
  bootstrap(username: string): Promise<EnrolmentLink>
}

/**
 * Writes a new account without a password, in the caller's transaction.
 * @throws {Refusal} `username_invalid`, `username_taken`, `email_address_invalid`, `phone_number_invalid`,
 * `bound_elsewhere`
 */
export async function insertAccount(
  { clock, random, policy }: Pick<Domain, 'clock' | 'random' | 'policy'>,
  queries: Queries,
  account: NewAccount,
  role: 'person' | 'admin',
): Promise<AccountsTable> {
  const username = checkUsername(account.username)
  const email = account.emailAddress === undefined ? undefined : parseEmailAddress(account.emailAddress)
  const phone = account.phoneNumber === undefined ? undefined : parsePhoneNumber(account.phoneNumber, policy)
  const now = clock.now()
  const row: AccountsTable = {
    id: newId(random),
    username,
    username_key: usernameKey(username),
    password_hash: null,
    password_set_at: null,
    password_used_at: null,
    phone_number: phone ?? null,
    phone_bound_at: phone ? now : null,
    phone_used_at: null,
    email_address: email?.value ?? null,
    email_key: email?.key ?? null,
    email_bound_at: email ? now : null,
    email_used_at: null,
    user_handle: random.bytes(32),
    locale: 'en',
    role,
    disabled_at: null,
    created_at: now,
  }
  if (await queries.accounts.insert(row)) {
    const isNameTaken = (await queries.accounts.findByUsernameKey(row.username_key)) !== undefined
    throw new Refusal(isNameTaken ? 'username_taken' : 'bound_elsewhere')
  }
  return row
}

/** A one-time link by which the account's owner sets a password; earlier ones stop working. */
export async function passwordLink(
  domain: Pick<Domain, 'clock' | 'random' | 'policy'>,
  queries: Queries,
  account: AccountsTable,
): Promise<EnrolmentLink> {
  const { secret, expiresAt } = await issueLink(domain, queries, account, 'password')
  return { username: account.username, link_secret: secret, expires_at: isoTime(expiresAt) }
}

export function createAccounts(domain: Domain): Accounts {
  const { store } = domain

  return {
    create: (account, { source }) =>
      store.transaction(async queries => {
        const row = await insertAccount(domain, queries, account, 'person')
        await recordEvent(domain, queries, { source }, { accountId: row.id, action: 'account.create' })
        return passwordLink(domain, queries, row)
      }),

    bootstrap: username =>
      store.transaction(async queries => {
        const known = await queries.accounts.findByUsernameKey(usernameKey(username))
        const row = known ?? (await insertAccount(domain, queries, { username }, 'admin'))
        const source = { source: 'hufud bootstrap' }
        await recordEvent(domain, queries, source, { accountId: row.id, action: 'account.bootstrap' })
        return passwordLink(domain, queries, row)
      }),
  }
}
