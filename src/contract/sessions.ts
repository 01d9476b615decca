import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'
import { EnrolmentPurpose, Id, Time, VerificationMethod } from './schemas.ts'

export const SessionEntry = Type.Object({
  id: Id,
  current: Type.Boolean(),
  created_at: Time,
  last_used_at: Time,
  expires_at: Time,
  source: Type.String(),
  client: Type.String(),
  methods: Type.Array(VerificationMethod),
  /** What it may bind, and nothing else, where an enrolment link opened it; `null` for a login. */
  enrolment: Type.Union([EnrolmentPurpose, Type.Null()]),
})
export type SessionEntry = Type.Static<typeof SessionEntry>

const Revoked = Type.Object({ revoked: Type.Integer({ minimum: 0 }) })

export const listSessions = defineOperation({
  id: 'sessions.list',
  method: 'GET',
  url: '/v1/sessions',
  summary: 'The sessions of this account, the newest first.',
  access: 'session',
  stepUp: null,
  status: 200,
  answer: Type.Object({ sessions: Type.Array(SessionEntry) }),
  problems: [],
})

export const revokeSession = defineOperation({
  id: 'sessions.revoke',
  method: 'DELETE',
  url: '/v1/sessions/:session_id',
  summary: 'End one session of this account.',
  access: 'session',
  stepUp: null,
  params: Type.Object({ session_id: Id }, { additionalProperties: false }),
  status: 200,
  answer: Revoked,
  problems: ['session_unknown'],
})

export const revokeSessions = defineOperation({
  id: 'sessions.revoke_many',
  method: 'DELETE',
  url: '/v1/sessions',
  summary: 'End this session (`current`), all others (`others`), or all (`all`).',
  access: 'session',
  stepUp: null,
  query: Type.Object({ which: Type.Enum(['current', 'others', 'all']) }, { additionalProperties: false }),
  status: 200,
  answer: Revoked,
  problems: [],
})
