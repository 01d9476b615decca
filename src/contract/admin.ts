import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'
import { Secret, Time, Username } from './schemas.ts'

/** What a service credential may be made for. */
export const serviceScopes = ['accounts', 'messages'] as const
export type ServiceScope = (typeof serviceScopes)[number]

export const createAccount = defineOperation({
  id: 'admin.create_account',
  method: 'POST',
  url: '/v1/admin/accounts',
  summary: 'Make an account without a password, and a one-time link by which its owner sets one.',
  access: 'service',
  stepUp: null,
  body: Type.Object(
    {
      username: Username,
      email_address: Type.Optional(Type.String({ minLength: 1, maxLength: 320 })),
      phone_number: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: Type.Object({ username: Type.String(), link_secret: Secret, expires_at: Time }),
  problems: [
    'username_invalid',
    'username_taken',
    'email_address_invalid',
    'phone_number_invalid',
    'bound_elsewhere',
    'service_credential_invalid',
    'service_scope_missing',
  ],
})
