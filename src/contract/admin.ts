import * as Type from 'typebox/type'
import { SecurityItemState } from './account.ts'
import { defineOperation } from './operation.ts'
import { Id, NullableTime, Secret, Time, Username } from './schemas.ts'

export const accountRoles = ['person', 'admin'] as const
export type AccountRole = (typeof accountRoles)[number]
const AccountRole = Type.Enum([...accountRoles])

const AccountParams = Type.Object({ username: Username }, { additionalProperties: false })

/** An account as admins see it in a list. */
export const AccountEntry = Type.Object({
  id: Id,
  username: Type.String(),
  role: AccountRole,
  disabled_at: NullableTime,
  created_at: Time,
})
export type AccountEntry = Type.Static<typeof AccountEntry>

/** A one-time link by which the owner of an account sets its password. */
const PasswordLink = Type.Object({ username: Type.String(), link_secret: Secret, expires_at: Time })

export const createAccount = defineOperation({
  id: 'admin.create_account',
  method: 'POST',
  url: '/v1/admin/accounts',
  summary: 'Make an account without a password, and a one-time link by which its owner sets one.',
  access: 'admin',
  scope: 'accounts',
  /** Its value is the user name. */
  stepUp: 'account.create',
  body: Type.Object(
    {
      username: Username,
      email_address: Type.Optional(Type.String({ minLength: 1, maxLength: 320 })),
      phone_number: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
      /** Left out: `person`. An `admin` is made by an admin in person alone, never by a token. */
      role: Type.Optional(AccountRole),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: PasswordLink,
  problems: ['username_invalid', 'username_taken', 'email_address_invalid', 'phone_number_invalid', 'bound_elsewhere'],
})

export const listAccounts = defineOperation({
  id: 'admin.list_accounts',
  method: 'GET',
  url: '/v1/admin/accounts',
  summary: 'Accounts by user name.',
  access: 'admin',
  scope: 'accounts',
  stepUp: null,
  query: Type.Object(
    {
      /** What their user names begin with. */
      prefix: Type.Optional(Username),
      state: Type.Optional(Type.Enum(['enabled', 'disabled'])),
      role: Type.Optional(AccountRole),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
      /** The `next` of the page before. */
      after: Type.Optional(Id),
    },
    { additionalProperties: false },
  ),
  status: 200,
  answer: Type.Object({ accounts: Type.Array(AccountEntry), next: Type.Union([Type.String(), Type.Null()]) }),
  problems: [],
})

export const showAccount = defineOperation({
  id: 'admin.show_account',
  method: 'GET',
  url: '/v1/admin/accounts/:username',
  summary: 'One account with its six items, masked, its sessions, and the links to it that are still open.',
  access: 'admin',
  scope: 'accounts',
  stepUp: null,
  params: AccountParams,
  status: 200,
  answer: Type.Object({
    ...AccountEntry.properties,
    items: Type.Array(SecurityItemState, { minItems: 6, maxItems: 6 }),
    recovery_codes_left: Type.Integer({ minimum: 0 }),
    sessions: Type.Integer({ minimum: 0 }),
    open_links: Type.Array(
      Type.Object({ purpose: Type.Enum(['password', 'totp', 'webauthn']), created_at: Time, expires_at: Time }),
    ),
  }),
  problems: ['account_unknown'],
})

export const disableAccount = defineOperation({
  id: 'admin.disable_account',
  method: 'POST',
  url: '/v1/admin/accounts/:username/disable',
  summary: 'Keep everybody out of an account: its sessions, logins, links and pending bindings end.',
  access: 'admin',
  scope: 'accounts',
  /** Its value is the user name, here and below. */
  stepUp: 'account.disable',
  params: AccountParams,
  status: 200,
  answer: Type.Object({ username: Type.String(), changed: Type.Boolean(), sessions_revoked: Type.Integer() }),
  problems: ['account_unknown', 'own_account', 'last_admin'],
})

export const enableAccount = defineOperation({
  id: 'admin.enable_account',
  method: 'POST',
  url: '/v1/admin/accounts/:username/enable',
  summary: 'Let the owner of a disabled account in again; that of an admin, only an admin in person can.',
  access: 'admin',
  scope: 'accounts',
  stepUp: 'account.enable',
  params: AccountParams,
  status: 200,
  answer: Type.Object({ username: Type.String(), changed: Type.Boolean() }),
  problems: ['account_unknown'],
})

export const resetLink = defineOperation({
  id: 'admin.reset_link',
  method: 'POST',
  url: '/v1/admin/accounts/:username/reset-link',
  summary:
    'A one-time link by which the owner sets a new password; earlier ones stop working. For the account of an admin, only an admin in person can have one.',
  access: 'admin',
  scope: 'accounts',
  stepUp: 'account.reset_link',
  params: AccountParams,
  status: 201,
  answer: PasswordLink,
  problems: ['account_unknown', 'account_disabled'],
})
