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

/** A one-time link and the row that is stored of it. */
export function newLink(
  { clock, random, policy }: Pick<Domain, 'clock' | 'random' | 'policy'>,
  account: Pick<AccountsTable, 'id'>,
  purpose: LinkPurpose,
  id = newId(random),
) {
  const now = clock.now()
  const issued: IssuedLink = { id, secret: newSecret(random), expiresAt: now + policy.linkLifetime }
  const row = {
    id,
    account_id: account.id,
    secret_hash: hashSecret(issued.secret),
    created_at: now,
    expires_at: issued.expiresAt,
    purpose,
  }
  return { issued, row }
}

/** Makes a one-time link in the caller's transaction; earlier ones of the account for the same purpose stop working. */
export async function issueLink(
  domain: Pick<Domain, 'clock' | 'random' | 'policy'>,
  queries: Queries,
  account: Pick<AccountsTable, 'id'>,
  purpose: LinkPurpose,
): Promise<IssuedLink> {
  const { issued, row } = newLink(domain, account, purpose)
  await queries.links.endPurpose(account.id, purpose, row.created_at)
  await queries.links.insert(row)
  return issued
}
