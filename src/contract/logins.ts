import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'
import { CodeSent, Id, MethodChoice, OneTimeCode, Password, RecoveryCode, Secret, Time, Username } from './schemas.ts'
import { AuthenticationResponseJson, PublicKeyCredentialRequestOptionsJson } from './webauthn.ts'

/** What a person gives to prove who they are, at login and in a step-up alike. */
export const VerificationAnswer = Type.Union([
  Type.Object({ method: Type.Literal('password'), password: Password }, { additionalProperties: false }),
  Type.Object({ method: Type.Enum(['email', 'phone', 'totp']), code: OneTimeCode }, { additionalProperties: false }),
  Type.Object({ method: Type.Literal('recovery'), code: RecoveryCode }, { additionalProperties: false }),
  Type.Object(
    { method: Type.Literal('webauthn'), credential: AuthenticationResponseJson },
    { additionalProperties: false },
  ),
])
export type VerificationAnswer = Type.Static<typeof VerificationAnswer>

/** The methods that need a first step: a code to send, or options for the security key. */
export const VerificationBegin = Type.Object(
  { method: Type.Enum(['email', 'phone', 'webauthn']) },
  { additionalProperties: false },
)

export const VerificationBegun = Type.Union([
  Type.Object({ method: Type.Enum(['email', 'phone']), code: CodeSent }),
  Type.Object({ method: Type.Literal('webauthn'), options: PublicKeyCredentialRequestOptionsJson }),
])
export type VerificationBegun = Type.Static<typeof VerificationBegun>

const LoginParams = Type.Object({ login_id: Id }, { additionalProperties: false })

/** Problems that any verification can end in. */
export const verificationProblems = [
  'password_incorrect',
  'code_incorrect',
  'code_expired',
  'code_used',
  'code_other_purpose',
  'code_not_sent',
  'totp_incorrect',
  'totp_used',
  'recovery_code_incorrect',
  'method_not_available',
  'throttled',
  'busy',
] as const

export const beginLogin = defineOperation({
  id: 'login.begin',
  method: 'POST',
  url: '/v1/logins',
  summary: 'Begin a login. Known and unknown user names are answered alike.',
  access: 'anyone',
  stepUp: null,
  body: Type.Object({ username: Username }, { additionalProperties: false }),
  status: 201,
  answer: Type.Object({ login_id: Id, expires_at: Time, methods: Type.Array(MethodChoice) }),
  problems: ['throttled'],
})

export const beginLoginVerification = defineOperation({
  id: 'login.begin_verification',
  method: 'POST',
  url: '/v1/logins/:login_id/begin',
  summary: 'Send a code, or ask for the options of a security key ceremony.',
  access: 'anyone',
  stepUp: null,
  params: LoginParams,
  body: VerificationBegin,
  status: 200,
  answer: VerificationBegun,
  problems: ['login_expired', 'method_not_available', 'throttled'],
})

export const finishLoginVerification = defineOperation({
  id: 'login.finish_verification',
  method: 'POST',
  url: '/v1/logins/:login_id/finish',
  summary: 'Give the first factor, then the second where one is bound.',
  access: 'anyone',
  stepUp: null,
  params: LoginParams,
  body: VerificationAnswer,
  status: 200,
  answer: Type.Union([
    Type.Object({ state: Type.Literal('second_factor'), methods: Type.Array(MethodChoice) }),
    Type.Object({
      state: Type.Literal('complete'),
      session_id: Id,
      session_secret: Secret,
      username: Type.String(),
      expires_at: Time,
    }),
  ]),
  problems: ['login_failed', 'login_expired', 'account_disabled', ...verificationProblems],
})
