import type { AccountsTable } from '../store/schema.ts'
import type { Domain } from './domain.ts'
import type { Queries } from './ports/store.ts'
import { hashSecret, newId, newSecret } from './secret-keys.ts'

/** What a link lets the owner of an account do. */
export type LinkPurpose = 'password' | 'totp' | 'webauthn'

export interface IssuedLink {
  readonly id: string
  /** 256 random bits, base64url: told once, stored as its SHA-256. */
  readonly secret: string
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number
}

/** Makes a one-time link in the caller's transaction; earlier ones of the account for the same purpose stop working. */
export async function issueLink(
  { clock, random, policy }: Pick<Domain, 'clock' | 'random' | 'policy'>,
  queries: Queries,
  account: Pick<AccountsTable, 'id'>,
  purpose: LinkPurpose,
): Promise<IssuedLink> {
  const now = clock.now()
  const issued = { id: newId(random), secret: newSecret(random), expiresAt: now + policy.linkLifetime }
  await queries.links.endPurpose(account.id, purpose, now)
  await queries.links.insert({
    id: issued.id,
    account_id: account.id,
    secret_hash: hashSecret(issued.secret),
    created_at: now,
    expires_at: issued.expiresAt,
    purpose,
  })
  return issued
}
