import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'
import { Id, NullableTime, Time } from './schemas.ts'

export const BoundKey = Type.Object({
  id: Id,
  name: Type.String(),
  bound_at: Time,
  last_used_at: NullableTime,
})
export type BoundKey = Type.Static<typeof BoundKey>

/** One row of the security page. */
export const SecurityItemState = Type.Object({
  item: Type.Enum(['password', 'phone', 'email', 'totp', 'wechat', 'webauthn']),
  set: Type.Boolean(),
  /** Masked. */
  value: Type.Union([Type.String(), Type.Null()]),
  bound_at: NullableTime,
  last_used_at: NullableTime,
  keys: Type.Array(BoundKey),
})
export type SecurityItemState = Type.Static<typeof SecurityItemState>

export const Overview = Type.Object({
  username: Type.String(),
  items: Type.Array(SecurityItemState, { minItems: 6, maxItems: 6 }),
  recovery_codes_left: Type.Integer({ minimum: 0 }),
  session: Type.Object({ id: Id, expires_at: Time }),
})
export type Overview = Type.Static<typeof Overview>

export const readOverview = defineOperation({
  id: 'account.overview',
  method: 'GET',
  url: '/v1/account',
  summary: 'The security page: six items, each with its state and masked value.',
  access: 'session',
  stepUp: null,
  status: 200,
  answer: Overview,
  problems: [],
})

export const SecurityEvent = Type.Object({
  id: Id,
  at: Time,
  /** What happened: `login`, `login_failed`, `phone.bind` … Listed in docs/events-and-errors.md. */
  action: Type.String(),
  /** The verification method that stood behind it. */
  method: Type.Union([Type.String(), Type.Null()]),
  source: Type.String(),
  /** Masked old and new values, the name of a key. */
  details: Type.Record(Type.String(), Type.String()),
  /** Who did it where it was not the account's owner: `admin:USERNAME` or `token:NAME`. */
  actor: Type.Union([Type.String(), Type.Null()]),
})
export type SecurityEvent = Type.Static<typeof SecurityEvent>

export const listEvents = defineOperation({
  id: 'account.events',
  method: 'GET',
  url: '/v1/events',
  summary: "The account's own security events, the newest first.",
  access: 'session',
  stepUp: null,
  query: Type.Object(
    {
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
      /** The `next` of the page before. */
      before: Type.Optional(Type.String({ pattern: '^\\d{1,16}-[A-Za-z0-9_-]{22}$' })),
    },
    { additionalProperties: false },
  ),
  status: 200,
  answer: Type.Object({
    events: Type.Array(SecurityEvent),
    next: Type.Union([Type.String(), Type.Null()]),
  }),
  problems: [],
})
