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

/**
 * How far back a follower reads again, in milliseconds. An event has the time at which it was made, and is seen once it
 * is committed: after others of a later time perhaps, made meanwhile or by a server whose clock is ahead. So whoever
 * follows asks each time for what came after the newest event they have seen, less this, and leaves out the ids that
 * they know. No transaction lasts as long, and clocks of servers that work together differ by less.
 */
export const auditOverlap = 60_000

/** The `after` for events of this time, in milliseconds since the Unix epoch, and later ones. */
export const auditCursorAt = (milliseconds: number): string => `${Math.max(0, milliseconds)}-${'-'.repeat(22)}`

const Cursor = Type.String({ pattern: '^\\d{1,16}-[A-Za-z0-9_-]{22}$' })

export const listAudit = defineOperation({
  id: 'audit.list',
  method: 'GET',
  url: '/v1/admin/events',
  summary:
    'Security events of all accounts. The newest first; with `after`, those that came later, the oldest first. An event is seen once it is committed, perhaps after one of a later time: whoever follows reads the last minute again and leaves out the ids that they know.',
  access: 'admin',
  scope: 'audit',
  stepUp: null,
  query: Type.Object(
    {
      username: Type.Optional(Username),
      /** The action itself, `phone.bind`, or what it begins with, `phone.`. */
      action: Type.Optional(Type.String({ pattern: '^[a-z_]{1,32}(\\.[a-z_]{0,32})?$' })),
      actor: Type.Optional(Type.String({ minLength: 1, maxLength: 80, pattern: '^[^\\u0000]*$' })),
      run_id: Type.Optional(Id),
      /** From this time on, and before that one. */
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
    /**
     * For `before`, or with `after` for `after`; `null` when there is no more. With `action` or `actor` a page may be
     * short, or empty, and have a `next`: so many events were looked at.
     */
    next: Type.Union([Cursor, Type.Null()]),
  }),
  problems: ['account_unknown'],
})
