import * as Type from 'typebox/type'
import { SecurityEvent } from './account.ts'
import { defineOperation } from './operation.ts'
import { Id, Time, Username } from './schemas.ts'

/** A security event of any account. */
export const AuditEvent = Type.Object({
  ...SecurityEvent.properties,
  /** Whose account; `null` for a login with a user name that nobody has. */
  username: Type.Union([Type.String(), Type.Null()]),
  run_id: Type.Union([Id, Type.Null()]),
})
export type AuditEvent = Type.Static<typeof AuditEvent>

const Cursor = Type.String({ pattern: '^\\d{1,16}-[A-Za-z0-9_-]{22}$' })

export const listAudit = defineOperation({
  id: 'audit.list',
  method: 'GET',
  url: '/v1/admin/events',
  summary: 'Security events of all accounts. The newest first; with `after`, those that came later, the oldest first.',
  access: 'admin',
  scope: 'audit',
  stepUp: null,
  query: Type.Object(
    {
      username: Type.Optional(Username),
      /** The action itself, `phone.bind`, or what it begins with, `phone.`. */
      action: Type.Optional(Type.String({ pattern: '^[a-z_]{1,32}(\\.[a-z_]{0,32})?$' })),
      actor: Type.Optional(Type.String({ minLength: 1, maxLength: 80 })),
      run_id: Type.Optional(Id),
      since: Type.Optional(Time),
      until: Type.Optional(Time),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
      before: Type.Optional(Cursor),
      after: Type.Optional(Cursor),
    },
    { additionalProperties: false },
  ),
  status: 200,
  answer: Type.Object({
    events: Type.Array(AuditEvent),
    /** For `before`, or with `after` for `after`; `null` when there is no more. */
    next: Type.Union([Cursor, Type.Null()]),
  }),
  problems: ['account_unknown'],
})
