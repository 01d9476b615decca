import type { Overview, SecurityEvent, SecurityItemState } from '../../contract/account.ts'
import type { SecurityItem } from '../../contract/schemas.ts'
import { isoTime } from '../../lib/clock.ts'
import type { AccountsTable, EventsTable } from '../store/schema.ts'
import { pageCursor, readCursor } from './cursors.ts'
import type { Domain, Member } from './domain.ts'
import { maskEmail, maskOpenid, maskPhone } from './masks.ts'

export const timeOrNull = (at: number | null): string | null => (at === null ? null : isoTime(at))

const itemState = (
  item: SecurityItem,
  state: { set: boolean; value?: string | null; boundAt: number | null; usedAt?: number | null },
): SecurityItemState => ({
  item,
  set: state.set,
  value: state.value ?? null,
  bound_at: timeOrNull(state.boundAt),
  last_used_at: timeOrNull(state.usedAt ?? null),
  keys: [],
})

/** The six items of an account, masked, and how many recovery codes it has. */
export async function readItems(
  { store }: Pick<Domain, 'store'>,
  account: AccountsTable,
): Promise<Pick<Overview, 'items' | 'recovery_codes_left'>> {
  const { totp, wechat, keys, recoveryCodesLeft } = await store.read.authenticators.listBound(account.id)
  const lastKeyUse = keys.reduce<number | null>(
    (latest, { used_at }) => (used_at === null ? latest : Math.max(latest ?? 0, used_at)),
    null,
  )
  return {
    items: [
      itemState('password', {
        set: account.password_hash !== null,
        boundAt: account.password_set_at,
        usedAt: account.password_used_at,
      }),
      itemState('phone', {
        set: account.phone_number !== null,
        value: account.phone_number && maskPhone(account.phone_number),
        boundAt: account.phone_bound_at,
        usedAt: account.phone_used_at,
      }),
      itemState('email', {
        set: account.email_address !== null,
        value: account.email_address && maskEmail(account.email_address),
        boundAt: account.email_bound_at,
        usedAt: account.email_used_at,
      }),
      itemState('totp', { set: totp !== null, boundAt: totp?.bound_at ?? null, usedAt: totp?.used_at ?? null }),
      itemState('wechat', {
        set: wechat !== null,
        value: wechat ? maskOpenid(wechat.openid) : null,
        boundAt: wechat?.bound_at ?? null,
      }),
      {
        ...itemState('webauthn', {
          set: keys.length > 0,
          boundAt: keys[0]?.bound_at ?? null,
          usedAt: lastKeyUse,
        }),
        keys: keys.map(key => ({
          id: key.id,
          name: key.name,
          bound_at: isoTime(key.bound_at),
          last_used_at: timeOrNull(key.used_at),
        })),
      },
    ],
    recovery_codes_left: recoveryCodesLeft,
  }
}

/** The security page of the member's account. */
export async function readOverview(domain: Pick<Domain, 'store'>, { account, session }: Member): Promise<Overview> {
  return {
    username: account.username,
    ...(await readItems(domain, account)),
    session: { id: session.id, expires_at: isoTime(session.expires_at) },
  }
}

/** An event as its row has it, for people. */
export const securityEvent = (row: EventsTable): SecurityEvent => ({
  id: row.id,
  at: isoTime(row.at),
  action: row.action,
  method: row.method,
  source: row.source,
  details: JSON.parse(row.details),
  actor: row.actor,
})

/** A page of the account's own events, the newest first. */
export async function listEvents(
  { store }: Pick<Domain, 'store'>,
  member: Member,
  { limit = 50, before }: { limit?: number | undefined; before?: string | undefined },
): Promise<{ events: SecurityEvent[]; next: string | null }> {
  const rows = await store.read.events.list(member.account.id, limit + 1, readCursor(before))
  const page = rows.slice(0, limit)
  const last = rows.length > limit ? page.at(-1) : undefined
  return { events: page.map(securityEvent), next: last ? pageCursor(last) : null }
}
