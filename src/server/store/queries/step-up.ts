import type { ChallengeQueries, CodeQueries, ProofUse } from '../../domain/ports/store.ts'
import { compiledOnce } from '../compiled-once.ts'
import type { Handle } from '../handle.ts'
import type { ChallengesTable } from '../schema.ts'

const insertChallenge = compiledOnce((db, row: ChallengesTable) => db.insertInto('challenges').values(row))

const findChallenge = compiledOnce((db, id: string) => db.selectFrom('challenges').selectAll().where('id', '=', id))

type Answer = { method: string; proofHash: string; proofExpiresAt: number }

const answerChallenge = compiledOnce((db, id: string, { method, proofHash, proofExpiresAt }: Answer, now: number) =>
  db
    .updateTable('challenges')
    .set({ method, proof_hash: proofHash, proof_expires_at: proofExpiresAt })
    .where('id', '=', id)
    .where('proof_hash', 'is', null)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now),
)

const setWebAuthnChallenge = compiledOnce((db, id: string, challenge: string | null) =>
  db.updateTable('challenges').set({ webauthn_challenge: challenge }).where('id', '=', id),
)

const consumeWebAuthnChallenge = compiledOnce((db, id: string, challenge: string) =>
  db
    .updateTable('challenges')
    .set({ webauthn_challenge: null })
    .where('id', '=', id)
    .where('webauthn_challenge', '=', challenge),
)

const consumeProof = compiledOnce((db, use: ProofUse, now: number) =>
  db
    .updateTable('challenges')
    .set({ used_at: now })
    .where('proof_hash', '=', use.proofHash)
    .where('account_id', '=', use.accountId)
    .where('session_id', '=', use.sessionId)
    .where('operation', '=', use.operation)
    .where('used_at', 'is', null)
    .where('proof_expires_at', '>', now)
    .where(({ or, eb }) => or([eb('value_hash', 'is', null), eb('value_hash', '=', use.valueHash)]))
    .returningAll(),
)

export const challengeQueries = (db: Handle): ChallengeQueries => ({
  async insert(row) {
    await insertChallenge(db, row)
  },

  find: async id => (await findChallenge(db, id)).rows[0],

  findByProof: proofHash =>
    db.selectFrom('challenges').selectAll().where('proof_hash', '=', proofHash).executeTakeFirst(),

  async setWebAuthnChallenge(id, challenge) {
    await setWebAuthnChallenge(db, id, challenge)
  },

  consumeWebAuthnChallenge: async (id, challenge) =>
    (await consumeWebAuthnChallenge(db, id, challenge)).numAffectedRows === 1n,

  answer: async (id, answer, now) => (await answerChallenge(db, id, answer, now)).numAffectedRows === 1n,

  consumeProof: async (use, now) => (await consumeProof(db, use, now)).rows[0],

  async endAll(accountId, expiringAfter, now) {
    await db
      .updateTable('challenges')
      .set({ used_at: now })
      .where('account_id', '=', accountId)
      .where('used_at', 'is', null)
      .where('expires_at', '>', expiringAfter)
      .execute()
  },

  async consumeById(id, now) {
    const { numUpdatedRows } = await db
      .updateTable('challenges')
      .set({ used_at: now })
      .where('id', '=', id)
      .where('used_at', 'is', null)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },
})

export const codeQueries = (db: Handle): CodeQueries => ({
  async insert(row) {
    await db
      .updateTable('codes')
      .set({ replaced_at: row.sent_at })
      .where('subject_id', '=', row.subject_id)
      .where('channel', '=', row.channel)
      .where('used_at', 'is', null)
      .where('replaced_at', 'is', null)
      .execute()
    await db.insertInto('codes').values(row).execute()
  },

  latest: (subjectId, channel) =>
    db
      .selectFrom('codes')
      .selectAll()
      .where('subject_id', '=', subjectId)
      .where('channel', '=', channel)
      .where('replaced_at', 'is', null)
      // Two that were stored at once must be the same one to all who look.
      .orderBy('sent_at', 'desc')
      .orderBy('id')
      .limit(1)
      .executeTakeFirst(),

  async use(id, now) {
    const { numUpdatedRows } = await db
      .updateTable('codes')
      .set({ used_at: now })
      .where('id', '=', id)
      .where('used_at', 'is', null)
      .where('replaced_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  listOthers: (accountId, subjectId, now) =>
    db
      .selectFrom('codes')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('subject_id', '!=', subjectId)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .orderBy('sent_at', 'desc')
      .limit(8)
      .execute(),
})
