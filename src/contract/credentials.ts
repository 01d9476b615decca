import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'
import { Password, Secret } from './schemas.ts'

/** Warnings that go with a success. */
export const PasswordChanged = Type.Object({
  /** How many other sessions were ended. */
  sessions_revoked: Type.Integer({ minimum: 0 }),
  /** Set when the password is accepted but shorter than NIST SP 800-63B-4 section 3.1.1.2 advises. */
  short_password: Type.Boolean(),
})

const weakPassword = ['password_too_short', 'password_too_long', 'password_too_common', 'password_unchanged'] as const

export const changePassword = defineOperation({
  id: 'password.change',
  method: 'PUT',
  url: '/v1/password',
  summary: 'Set a new password and end the other sessions.',
  access: 'session',
  stepUp: 'password.change',
  body: Type.Object({ new_password: Password }, { additionalProperties: false }),
  status: 200,
  answer: PasswordChanged,
  problems: [...weakPassword, 'busy'],
})

export const createRecoveryCodes = defineOperation({
  id: 'recovery_codes.create',
  method: 'POST',
  url: '/v1/recovery-codes',
  summary: 'Make ten one-time recovery codes; the earlier ones stop working. They are shown this once.',
  access: 'session',
  stepUp: 'recovery_codes.create',
  status: 201,
  answer: Type.Object({ codes: Type.Array(Type.String(), { minItems: 10, maxItems: 10 }) }),
  problems: [],
})

export const redeemEnrolmentLink = defineOperation({
  id: 'enrolment.redeem',
  method: 'POST',
  url: '/v1/enrolments',
  summary: "Set an account's first password with the one-time link that an admin made.",
  access: 'anyone',
  stepUp: null,
  body: Type.Object({ link_secret: Secret, new_password: Password }, { additionalProperties: false }),
  status: 200,
  answer: Type.Object({ username: Type.String(), short_password: Type.Boolean() }),
  problems: ['link_invalid', 'link_other_purpose', ...weakPassword, 'throttled', 'busy'],
})
