import type { BindingsTable } from '../../store/schema.ts'
import type { Domain } from '../domain.ts'
import type { Queries } from '../ports/store.ts'
import { type CodeSubject, isWaitingCode, storeCode } from '../verification/one-time-code.ts'

// Against QR codes that somebody passes on: whoever scanned reads a code, and only at the terminal that shows the QR
// code does it bind them.

/** A code as its person reads it. */
export interface ShownCode {
  /** Six digits. */
  readonly code: string
  /** What is left of its life, whole and at least 1. */
  readonly minutes: number
}

/**
 * How one person came to be shown a code.
 * - `openid`: who they are
 * - `occasion`: what tells this time from their other ones; the code follows from it
 */
export interface Showing {
  readonly binding: BindingsTable
  readonly openid: string
  readonly occasion: string
}

/** What the code that is shown to whoever scanned is bound to: who scanned, too. */
export const confirmationSubject = (binding: BindingsTable): CodeSubject<'wechat'> => ({
  purpose: 'bind',
  id: binding.id,
  accountId: binding.account_id,
  accountKey: binding.account_id,
  channel: 'wechat',
  destination: binding.scanned_openid,
})

/**
 * By a keyed hash, so that it can be shown again where it was lost on the way, and is not kept: WeChat pushes a scan
 * again when our answer came late, and browsers load a page again.
 */
function codeOf({ keys }: Pick<Domain, 'keys'>, { binding, openid, occasion }: Showing): string {
  const digest = keys.hash('wechat', 'scan code', binding.id, openid, occasion)
  const number = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0) % 1_000_000n
  return String(number).padStart(6, '0')
}

const minutesLeft = (milliseconds: number): number => Math.max(1, Math.floor(milliseconds / 60_000))

/** Makes the code of a person who has just claimed the binding, in the caller's transaction; their earlier one dies. */
export async function showCode(domain: Domain, queries: Queries, showing: Showing): Promise<ShownCode> {
  const { binding, openid } = showing
  const now = domain.clock.now()
  const code = codeOf(domain, showing)
  const expiresAt = Math.min(now + domain.policy.codeLifetime, binding.expires_at)
  await storeCode(domain, queries, confirmationSubject({ ...binding, scanned_openid: openid }), code, expiresAt)
  return { code, minutes: minutesLeft(expiresAt - now) }
}

/** The code that this person was shown on this occasion, while it is still to be typed. */
export async function showCodeAgain(
  domain: Domain,
  queries: Queries,
  showing: Showing,
): Promise<ShownCode | undefined> {
  const { binding, openid } = showing
  if (binding.scanned_openid !== openid || binding.ended_at !== null) return undefined
  const code = codeOf(domain, showing)
  if (!(await isWaitingCode(domain, queries, confirmationSubject(binding), code))) return undefined
  const left = Math.min(domain.policy.codeLifetime, binding.expires_at - domain.clock.now())
  return { code, minutes: minutesLeft(left) }
}
