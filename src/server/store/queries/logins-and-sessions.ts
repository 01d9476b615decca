import type { LoginQueries, SessionQueries } from '../../domain/ports/store.ts'
import { compiledOnce } from '../compiled-once.ts'
import type { Handle } from '../handle.ts'
import type { SessionsTable } from '../schema.ts'

const changed = (result: { numUpdatedRows: bigint }): number => Number(result.numUpdatedRows)

const findBySecret = compiledOnce((db, secretHash: string, now: number) =>
  db
    .selectFrom('sessions')
    .innerJoin('accounts', 'accounts.id', 'sessions.account_id')
    .selectAll('accounts')
    .select(['sessions.id as session_id', 'sessions.created_at as session_created_at', 'last_used_at', 'expires_at'])
    .select(['revoked_at', 'source', 'client', 'methods', 'enrolment_link_id'])
    .where('secret_hash', '=', secretHash)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .where('disabled_at', 'is', null),
)

export const sessionQueries = (db: Handle): SessionQueries => {
  return {
    async insert(row) {
      await db.insertInto('sessions').values(row).execute()
    },

    async findLive(secretHash, now) {
      const [row] = (await findBySecret(db, secretHash, now)).rows
      if (!row) return undefined
      const session: SessionsTable = {
        id: row.session_id,
        account_id: row.id,
        secret_hash: secretHash,
        created_at: row.session_created_at,
        last_used_at: row.last_used_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        source: row.source,
        client: row.client,
        methods: row.methods,
        enrolment_link_id: row.enrolment_link_id,
      }
      // The row is the account's, with columns of the session beside: copying it would take longer than reading it.
      return { session, account: row }
    },

    async isLive(id, now) {
      const live = await db
        .selectFrom('sessions')
        .innerJoin('accounts', 'accounts.id', 'sessions.account_id')
        .select('sessions.id')
        .where('sessions.id', '=', id)
        .where('sessions.revoked_at', 'is', null)
        .where('sessions.expires_at', '>', now)
        .where('accounts.disabled_at', 'is', null)
        .executeTakeFirst()
      return live !== undefined
    },

    async touch(id, now, expiresAt) {
      await db
        .updateTable('sessions')
        .set({ last_used_at: now, expires_at: expiresAt })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .execute()
    },

    list: (accountId, now) =>
      db
        .selectFrom('sessions')
        .selectAll()
        .where('account_id', '=', accountId)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .orderBy('created_at', 'desc')
        .orderBy('id')
        .execute(),

    revoke: async (accountId, id, now) =>
      changed(
        await db
          .updateTable('sessions')
          .set({ revoked_at: now })
          .where('account_id', '=', accountId)
          .where('id', '=', id)
          .where('revoked_at', 'is', null)
          .executeTakeFirstOrThrow(),
      ),

    async revokeEnrolled(accountId, linkId, now) {
      await db
        .updateTable('sessions')
        .set({ revoked_at: now })
        .where('account_id', '=', accountId)
        .where('enrolment_link_id', '=', linkId)
        .where('revoked_at', 'is', null)
        .execute()
    },

    revokeAll: async (accountId, except, now) =>
      changed(
        await db
          .updateTable('sessions')
          .set({ revoked_at: now })
          .where('account_id', '=', accountId)
          .where('id', '!=', except ?? '')
          .where('revoked_at', 'is', null)
          .where('expires_at', '>', now)
          .executeTakeFirstOrThrow(),
      ),
  }
}

export const loginQueries = (db: Handle): LoginQueries => ({
  async insert(row) {
    await db.insertInto('logins').values(row).execute()
  },

  findOpen: (id, now) =>
    db
      .selectFrom('logins')
      .selectAll()
      .where('id', '=', id)
      .where('completed_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirst(),

  async setWebAuthnChallenge(id, challenge) {
    await db.updateTable('logins').set({ webauthn_challenge: challenge }).where('id', '=', id).execute()
  },

  consumeWebAuthnChallenge: async (id, challenge) =>
    changed(
      await db
        .updateTable('logins')
        .set({ webauthn_challenge: null })
        .where('id', '=', id)
        .where('webauthn_challenge', '=', challenge)
        .executeTakeFirstOrThrow(),
    ) === 1,

  setFirstMethod: async (id, method) =>
    changed(
      await db
        .updateTable('logins')
        .set({ first_method: method })
        .where('id', '=', id)
        .where('first_method', 'is', null)
        .where('completed_at', 'is', null)
        .executeTakeFirstOrThrow(),
    ) === 1,

  complete: async (id, now) =>
    changed(
      await db
        .updateTable('logins')
        .set({ completed_at: now })
        .where('id', '=', id)
        .where('completed_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirstOrThrow(),
    ) === 1,

  async endAll(accountId, now) {
    await db
      .updateTable('logins')
      .set({ completed_at: now })
      .where('account_id', '=', accountId)
      .where('completed_at', 'is', null)
      // Those that have expired are ended; and by this the few others are found.
      .where('expires_at', '>', now)
      .execute()
  },
})
