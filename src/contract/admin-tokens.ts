import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'
import { Id, NullableTime, ServiceScope, Time } from './schemas.ts'

/** A service token: `hufu_` and 256 random bits, base64url. */
export const ServiceToken = Type.String({ pattern: '^hufu_[A-Za-z0-9_-]{43}$' })

export const TokenEntry = Type.Object({
  id: Id,
  name: Type.String(),
  scopes: Type.Array(ServiceScope),
  /** The admin's user name; `null` where the server made it itself. */
  created_by: Type.Union([Type.String(), Type.Null()]),
  created_at: Time,
  expires_at: Time,
  last_used_at: NullableTime,
  revoked_at: NullableTime,
})
export type TokenEntry = Type.Static<typeof TokenEntry>

export const createToken = defineOperation({
  id: 'token.create',
  method: 'POST',
  url: '/v1/admin/tokens',
  summary: 'Make a scoped token for scripts, which expires. It is shown this once.',
  access: 'admin',
  scope: null,
  /** Its value is the scopes, sorted and joined by blanks. */
  stepUp: 'token.create',
  body: Type.Object(
    {
      name: Type.String({ minLength: 1, maxLength: 64 }),
      scopes: Type.Array(ServiceScope, { minItems: 1, maxItems: 16 }),
      /** Seconds: at least one minute, at most one year. */
      lifetime: Type.Integer({ minimum: 60, maximum: 366 * 24 * 60 * 60 }),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: Type.Object({ token: ServiceToken, ...TokenEntry.properties }),
  problems: [],
})

export const listTokens = defineOperation({
  id: 'token.list',
  method: 'GET',
  url: '/v1/admin/tokens',
  summary: 'All tokens of all admins, the newest first; never their secrets.',
  access: 'admin',
  scope: null,
  stepUp: null,
  query: Type.Object(
    {
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
      before: Type.Optional(Type.String({ pattern: '^\\d{1,16}-[A-Za-z0-9_-]{22}$' })),
    },
    { additionalProperties: false },
  ),
  status: 200,
  answer: Type.Object({ tokens: Type.Array(TokenEntry), next: Type.Union([Type.String(), Type.Null()]) }),
  problems: [],
})

export const revokeToken = defineOperation({
  id: 'token.revoke',
  method: 'DELETE',
  url: '/v1/admin/tokens/:token_id',
  summary: 'End a token, whoever made it. The runs that it began go on for nobody.',
  access: 'admin',
  scope: null,
  /** Its value is the token's id. */
  stepUp: 'token.revoke',
  params: Type.Object({ token_id: Id }, { additionalProperties: false }),
  status: 200,
  answer: Type.Object({ token_id: Id, name: Type.String(), changed: Type.Boolean() }),
  problems: ['token_unknown'],
})
