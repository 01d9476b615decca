import type { createToken, listTokens, revokeToken, TokenEntry } from '../../../contract/admin-tokens.ts'
import type { AnswerOf, BodyOf, QueryOf } from '../../../contract/operation.ts'
import { serviceScopes } from '../../../contract/schemas.ts'
import { isoTime } from '../../../lib/clock.ts'
import { printable } from '../../../lib/printable.ts'
import type { ServiceCredentialsTable } from '../../store/schema.ts'
import { pageCursor, readCursor } from '../cursors.ts'
import type { Actor, Domain } from '../domain.ts'
import { recordEvent } from '../events.ts'
import { timeOrNull } from '../overview.ts'
import { Refusal } from '../refusal.ts'
import type { StepUps } from '../step-up.ts'
import { actorName, newToken, requirePerson, withAuthority } from './authority.ts'

/** Tokens for scripts, which an admin in person alone makes and ends. */
export interface ServiceTokens {
  /** @throws {Refusal} `invalid_request` for a name that cannot be shown */
  create(actor: Actor, token: BodyOf<typeof createToken>): Promise<AnswerOf<typeof createToken>>
  list(query: QueryOf<typeof listTokens>): Promise<AnswerOf<typeof listTokens>>
  /** @throws {Refusal} `token_unknown` */
  revoke(actor: Actor, tokenId: string): Promise<AnswerOf<typeof revokeToken>>
}

const defaultLimit = 50

/** The scopes of a row, which has them joined by blanks. */
const scopesOf = ({ scopes }: Pick<ServiceCredentialsTable, 'scopes'>): TokenEntry['scopes'] => {
  const held = scopes.split(' ')
  return serviceScopes.filter(scope => held.includes(scope))
}

const entryOf = (
  row: Omit<ServiceCredentialsTable, 'secret_hash' | 'created_by'> & { username: string | null },
): TokenEntry => ({
  id: row.id,
  name: row.name,
  scopes: scopesOf(row),
  created_by: row.username,
  created_at: isoTime(row.created_at),
  expires_at: isoTime(row.expires_at),
  last_used_at: timeOrNull(row.last_used_at),
  revoked_at: timeOrNull(row.revoked_at),
})

/** @throws {Refusal} `invalid_request` for control characters, or nothing at all: the audit names tokens by it. */
function checkName(name: string): string {
  const trimmed = name.trim().normalize('NFC')
  if (trimmed === '' || printable(trimmed) !== trimmed) {
    throw new Refusal('invalid_request', { in: 'body', detail: 'The name of a token is one line that can be shown.' })
  }
  return trimmed
}

export function createServiceTokens(domain: Domain, stepUps: StepUps): ServiceTokens {
  const { store, clock } = domain

  return {
    async create(actor, { name, scopes, lifetime }) {
      const maker = requirePerson(actor)
      const token = { name: checkName(name), scopes, lifetime: lifetime * 1000, createdBy: maker.account.id }
      const { secret, row } = newToken(domain, token)
      const use = { operation: 'token.create', value: row.scopes } as const
      await withAuthority({ domain, stepUps }, actor, use, async (queries, method) => {
        await queries.serviceTokens.insert(row)
        await recordEvent(domain, queries, actor, {
          accountId: maker.account.id,
          action: 'token.create',
          method,
          sessionId: maker.session.id,
          details: { token_id: row.id, name: row.name, scopes: row.scopes, expires_at: isoTime(row.expires_at) },
          actor: actorName(actor),
        })
      })
      return {
        token: secret,
        ...entryOf({ ...row, username: maker.account.username, revoked_at: null, last_used_at: null }),
      }
    },

    async list({ limit = defaultLimit, before }) {
      const rows = await store.read.serviceTokens.list(limit + 1, readCursor(before))
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return { tokens: page.map(entryOf), next: last ? pageCursor({ at: last.created_at, id: last.id }) : null }
    },

    async revoke(actor, tokenId) {
      const { account, session } = requirePerson(actor)
      const use = { operation: 'token.revoke', value: tokenId } as const
      return withAuthority({ domain, stepUps }, actor, use, async (queries, method) => {
        const token = await queries.serviceTokens.find(tokenId)
        if (!token) throw new Refusal('token_unknown')
        const changed = await queries.serviceTokens.revoke(tokenId, clock.now())
        if (changed) {
          await recordEvent(domain, queries, actor, {
            // In the log of whoever made it, who is to know of it.
            accountId: token.created_by ?? account.id,
            action: 'token.revoke',
            method,
            sessionId: session.id,
            details: { token_id: tokenId, name: token.name },
            actor: actorName(actor),
          })
        }
        return { token_id: tokenId, name: token.name, changed }
      })
    },
  }
}
