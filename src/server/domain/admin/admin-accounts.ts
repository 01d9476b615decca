import type {
  AccountEntry,
  createAccount,
  disableAccount,
  enableAccount,
  listAccounts,
  resetLink,
  showAccount,
} from '../../../contract/admin.ts'
import type { AnswerOf, BodyOf, QueryOf } from '../../../contract/operation.ts'
import type { StepUpOperation } from '../../../contract/schemas.ts'
import { isoTime } from '../../../lib/clock.ts'
import type { AccountsTable } from '../../store/schema.ts'
import { setDisabled } from '../account-access.ts'
import { insertAccount, passwordLink } from '../accounts.ts'
import { recordChange } from '../change.ts'
import { type Actor, type Domain, localeOf } from '../domain.ts'
import { recordEvent } from '../events.ts'
import { readItems, timeOrNull } from '../overview.ts'
import type { AccountRow } from '../ports/admin-store.ts'
import type { Queries } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'
import type { StepUps } from '../step-up.ts'
import { usernameKey } from '../usernames.ts'
import { actorDetails, actorName, requirePerson, withAuthority } from './authority.ts'

/** Accounts as admins work on them. Each change takes an admin's proof for this user name, or a token's scope. */
export interface AdminAccounts {
  /** @throws {Refusal} `service_scope_missing` where a token is to make an admin; those of a new account */
  create(actor: Actor, account: BodyOf<typeof createAccount>): Promise<AnswerOf<typeof createAccount>>
  /** @throws {Refusal} `invalid_request` for an `after` that is no answer's `next` */
  list(query: QueryOf<typeof listAccounts>): Promise<AnswerOf<typeof listAccounts>>
  /** @throws {Refusal} `account_unknown` */
  show(username: string): Promise<AnswerOf<typeof showAccount>>
  /** @throws {Refusal} `account_unknown`, `own_account`, `last_admin` */
  disable(actor: Actor, username: string): Promise<AnswerOf<typeof disableAccount>>
  /** @throws {Refusal} `account_unknown`; `service_scope_missing` where a token is to let an admin in again */
  enable(actor: Actor, username: string): Promise<AnswerOf<typeof enableAccount>>
  /** @throws {Refusal} `account_unknown`, `account_disabled`; `service_scope_missing` where a token asks for an admin's */
  resetLink(actor: Actor, username: string): Promise<AnswerOf<typeof resetLink>>
}

const defaultLimit = 50

/** The admin's account: the person's, or that of whoever made the token. */
const accountOf = (actor: Actor): string | null => (actor.kind === 'person' ? actor.account.id : actor.token.createdBy)

const entryOf = ({ id, username, role, disabled_at, created_at }: AccountRow): AccountEntry => ({
  id,
  username,
  role: role === 'admin' ? 'admin' : 'person',
  disabled_at: timeOrNull(disabled_at),
  created_at: isoTime(created_at),
})

async function find(queries: Queries, username: string): Promise<AccountsTable> {
  const account = await queries.accounts.findByUsernameKey(usernameKey(username))
  if (!account) throw new Refusal('account_unknown')
  return account
}

export function createAdminAccounts(domain: Domain, stepUps: StepUps): AdminAccounts {
  const { store, clock, outbox } = domain

  type ChangedAccount = 'account.disable' | 'account.enable' | 'account.reset_link'

  /** Runs a change of the account of this name, with the authority for it. */
  async function changing<T>(
    actor: Actor,
    operation: ChangedAccount & StepUpOperation,
    username: string,
    change: (queries: Queries, account: AccountsTable, method: string | null) => Promise<T>,
  ): Promise<T> {
    const value = usernameKey(username)
    const found = await store.read.accounts.findByUsernameKey(value)
    const use = { operation, value, holds: found ? [found.id] : [] }
    const changed = await withAuthority({ domain, stepUps }, actor, use, async (queries, method) => {
      // As it is now that it is held: whoever has disabled it has done so before.
      const account = found && (await queries.accounts.find(found.id))
      if (!account) throw new Refusal('account_unknown')
      return change(queries, account, method)
    })
    outbox.wake()
    return changed
  }

  /** The event, and a notice to the owner in the owner's language. */
  const record = (
    queries: Queries,
    actor: Actor,
    account: AccountsTable,
    what: { action: ChangedAccount; method: string | null; details?: Readonly<Record<string, string>> },
  ): Promise<void> =>
    recordChange(
      domain,
      queries,
      { ...actor, locale: localeOf(account) },
      {
        account,
        sessionId: actor.kind === 'person' ? actor.session.id : null,
        action: what.action,
        notice: what.action,
        method: what.method,
        details: { ...actorDetails(actor), ...what.details },
        actor: actorName(actor),
      },
    )

  return {
    async create(actor, { username, email_address, phone_number, role = 'person' }) {
      // Whoever can make an admin can do what an admin can.
      if (role === 'admin') requirePerson(actor)
      const use = { operation: 'account.create', value: usernameKey(username) } as const
      return withAuthority({ domain, stepUps }, actor, use, async (queries, method) => {
        const account = { username, emailAddress: email_address, phoneNumber: phone_number }
        const row = await insertAccount(domain, queries, account, role)
        await recordEvent(domain, queries, actor, {
          accountId: row.id,
          action: 'account.create',
          method,
          sessionId: actor.kind === 'person' ? actor.session.id : null,
          details: { ...actorDetails(actor), role },
          actor: actorName(actor),
        })
        return passwordLink(domain, queries, row)
      })
    },

    async list({ prefix, state, role, limit = defaultLimit, after }) {
      const last = after === undefined ? undefined : await store.read.accounts.find(after)
      if (after !== undefined && !last) throw new Refusal('invalid_request')
      const rows = await store.read.directory.list({
        prefix: prefix === undefined ? undefined : usernameKey(prefix),
        state,
        role,
        after: last?.username_key,
        limit: limit + 1,
      })
      const page = rows.slice(0, limit)
      return { accounts: page.map(entryOf), next: rows.length > limit ? (page.at(-1)?.id ?? null) : null }
    },

    async show(username) {
      const account = await find(store.read, username)
      const now = clock.now()
      const links = await store.read.directory.listLinks(account.id, now)
      return {
        ...entryOf(account),
        ...(await readItems(domain, account)),
        sessions: await store.read.directory.countSessions(account.id, now),
        open_links: links.map(({ purpose, created_at, expires_at }) => ({
          purpose: purpose as 'password' | 'totp' | 'webauthn',
          created_at: isoTime(created_at),
          expires_at: isoTime(expires_at),
        })),
      }
    },

    disable: (actor, username) =>
      changing(actor, 'account.disable', username, async (queries, account, method) => {
        if (account.id === accountOf(actor)) throw new Refusal('own_account')
        const { changed, sessionsRevoked } = await setDisabled(domain, queries, account, true)
        const details = { sessions_revoked: String(sessionsRevoked) }
        if (changed) await record(queries, actor, account, { action: 'account.disable', method, details })
        return { username: account.username, changed, sessions_revoked: sessionsRevoked }
      }),

    enable: (actor, username) =>
      changing(actor, 'account.enable', username, async (queries, account, method) => {
        if (account.role === 'admin') requirePerson(actor)
        const { changed } = await setDisabled(domain, queries, account, false)
        if (changed) await record(queries, actor, account, { action: 'account.enable', method })
        return { username: account.username, changed }
      }),

    resetLink: (actor, username) =>
      changing(actor, 'account.reset_link', username, async (queries, account, method) => {
        // A script that could set an admin's password would be an admin.
        if (account.role === 'admin') requirePerson(actor)
        if (account.disabled_at !== null) throw new Refusal('account_disabled')
        const link = await passwordLink(domain, queries, account)
        await record(queries, actor, account, {
          action: 'account.reset_link',
          method,
          details: { expires_at: link.expires_at },
        })
        return link
      }),
  }
}
