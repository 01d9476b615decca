import * as Type from 'typebox/type'

/** A point in time, ISO 8601 in UTC with milliseconds. */
export const Time = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' })
export const NullableTime = Type.Union([Time, Type.Null()])

/** An opaque id made by the server: 128 random bits, base64url. */
export const Id = Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' })

/** An opaque secret made by the server: 256 random bits, base64url. */
export const Secret = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' })

/** Without U+0000, which PostgreSQL has no text with. */
export const Username = Type.String({ minLength: 1, maxLength: 64, pattern: '^[^\\u0000]*$' })
/** One line of words by people, without the controls that move a cursor or reorder what is shown. */
export const Line = (longest: number) =>
  Type.String({
    minLength: 1,
    maxLength: longest,
    pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]*$',
  })
export const Password = Type.String({ minLength: 1, maxLength: 1024 })
export const OneTimeCode = Type.String({ pattern: '^[0-9]{6}$' })
export const RecoveryCode = Type.String({ minLength: 1, maxLength: 64 })
export const KeyName = Type.String({ minLength: 1, maxLength: 64 })

export const verificationMethods = ['password', 'email', 'phone', 'totp', 'webauthn', 'recovery'] as const
export type VerificationMethod = (typeof verificationMethods)[number]
export const VerificationMethod = Type.Enum([...verificationMethods])

export const isVerificationMethod = (text: string): text is VerificationMethod =>
  verificationMethods.some(method => method === text)

export const bindableItems = ['phone', 'email', 'totp', 'wechat', 'webauthn'] as const
export type BindableItem = (typeof bindableItems)[number]
export const BindableItem = Type.Enum([...bindableItems])

export const securityItems = ['password', ...bindableItems] as const
export type SecurityItem = (typeof securityItems)[number]

export const stepUpOperations = [
  'password.change',
  'phone.bind',
  'phone.unbind',
  'email.bind',
  'email.unbind',
  'totp.bind',
  'totp.unbind',
  'wechat.bind',
  'wechat.unbind',
  'webauthn.bind',
  'webauthn.unbind',
  'recovery_codes.create',
  // An admin's: each with its value stated, which the proof then serves for alone.
  'account.create',
  'account.disable',
  'account.enable',
  'account.reset_link',
  'token.create',
  'token.revoke',
  'rebind.start',
  'rebind.undo',
] as const
export type StepUpOperation = (typeof stepUpOperations)[number]
export const StepUpOperation = Type.Enum([...stepUpOperations])

/** What a service token may be made for. `no-notify`: to leave the owners of accounts untold in a bulk run. */
export const serviceScopes = ['accounts', 'audit', 'messages', 'no-notify', 'rebind'] as const
export type ServiceScope = (typeof serviceScopes)[number]
export const ServiceScope = Type.Enum([...serviceScopes])

/** What an enrolment link may let somebody bind, in the place of a login and a step-up. */
export const enrolmentPurposes = ['totp', 'webauthn'] as const
export type EnrolmentPurpose = (typeof enrolmentPurposes)[number]
export const EnrolmentPurpose = Type.Enum([...enrolmentPurposes])

/** A method that a person may choose, with what helps them recognise it: a masked number, a masked address. */
export const MethodChoice = Type.Object({
  method: VerificationMethod,
  hint: Type.Union([Type.String(), Type.Null()]),
})
export type MethodChoice = Type.Static<typeof MethodChoice>

/** What a code that has just been sent says of itself. */
export const CodeSent = Type.Object({
  channel: Type.Enum(['email', 'phone']),
  /** Masked, unless the person has just typed it. */
  destination: Type.String(),
  expires_at: Time,
  /** When another may be asked for. */
  resend_at: Time,
  /** By it `GET /v1/messages/:message_id` tells what became of the message. */
  message_id: Id,
})
export type CodeSent = Type.Static<typeof CodeSent>
