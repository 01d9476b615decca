import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'
import { BindableItem, CodeSent, Id, KeyName, OneTimeCode, Time } from './schemas.ts'
import { PublicKeyCredentialCreationOptionsJson, RegistrationResponseJson } from './webauthn.ts'

const BindingParams = Type.Object({ binding_id: Id }, { additionalProperties: false })
const Bound = Type.Object({
  item: BindableItem,
  /** Masked number or address, nickname, or the key's name. */
  value: Type.Union([Type.String(), Type.Null()]),
  replaced: Type.Boolean(),
})
const codeProblems = ['code_incorrect', 'code_expired', 'code_used', 'code_other_purpose', 'throttled'] as const

const PendingCode = Type.Object({ binding_id: Id, code: CodeSent })

export const beginPhoneBinding = defineOperation({
  id: 'phone.begin_binding',
  method: 'POST',
  url: '/v1/bindings/phone',
  summary: 'Send a code to the new number.',
  access: 'session',
  stepUp: 'phone.bind',
  body: Type.Object({ phone_number: Type.String({ minLength: 1, maxLength: 64 }) }, { additionalProperties: false }),
  status: 201,
  answer: PendingCode,
  problems: ['phone_number_invalid', 'phone_country_unserved', 'already_bound', 'channel_off', 'throttled'],
})

export const beginEmailBinding = defineOperation({
  id: 'email.begin_binding',
  method: 'POST',
  url: '/v1/bindings/email',
  summary: 'Send a code to the new address.',
  access: 'session',
  stepUp: 'email.bind',
  body: Type.Object({ email_address: Type.String({ minLength: 1, maxLength: 320 }) }, { additionalProperties: false }),
  status: 201,
  answer: PendingCode,
  problems: ['email_address_invalid', 'already_bound', 'channel_off', 'throttled'],
})

export const resendBindingCode = defineOperation({
  id: 'binding.resend',
  method: 'POST',
  url: '/v1/bindings/:binding_id/resend',
  summary: 'Send another code; the earlier one stops working, the failures stay counted.',
  access: 'session',
  stepUp: null,
  params: BindingParams,
  status: 200,
  answer: PendingCode,
  problems: ['binding_expired', 'phone_country_unserved', 'channel_off', 'throttled'],
})

export const cancelBinding = defineOperation({
  id: 'binding.cancel',
  method: 'POST',
  url: '/v1/bindings/:binding_id/cancel',
  summary: 'Give up a binding that was begun: a code or a scan that comes later binds nothing.',
  access: 'session',
  enrolment: ['totp', 'webauthn'],
  stepUp: null,
  params: BindingParams,
  status: 200,
  answer: Type.Object({ cancelled: Type.Boolean() }),
  problems: ['binding_expired'],
})

export const beginTotpBinding = defineOperation({
  id: 'totp.begin_binding',
  method: 'POST',
  url: '/v1/bindings/totp',
  summary: 'Make a TOTP secret for the app to scan; the old one works until the new one is proven.',
  access: 'session',
  enrolment: ['totp'],
  stepUp: 'totp.bind',
  status: 201,
  answer: Type.Object({
    binding_id: Id,
    expires_at: Time,
    /** `otpauth://totp/…`, short enough for a terminal. */
    uri: Type.String({ pattern: '^otpauth://totp/' }),
    /** Base32, 160 bits. */
    secret: Type.String({ pattern: '^[A-Z2-7]{32}$' }),
  }),
  problems: [],
})

export const finishCodeBinding = defineOperation({
  id: 'binding.finish_code',
  method: 'POST',
  url: '/v1/bindings/:binding_id/code',
  summary: 'Prove the new number, address or app with its code, and bind it.',
  access: 'session',
  enrolment: ['totp'],
  stepUp: null,
  params: BindingParams,
  body: Type.Object({ code: OneTimeCode }, { additionalProperties: false }),
  status: 200,
  answer: Bound,
  problems: [
    'binding_expired',
    'bound_elsewhere',
    'already_bound',
    'insufficient_user_authentication',
    'totp_incorrect',
    'totp_used',
    ...codeProblems,
  ],
})

const WeChatQr = Type.Object({
  /** What the QR code says. */
  payload: Type.String({ minLength: 1, maxLength: 512 }),
  expires_at: Time,
})

export const beginWeChatBinding = defineOperation({
  id: 'wechat.begin_binding',
  method: 'POST',
  url: '/v1/bindings/wechat',
  summary: 'Make a QR code for WeChat to scan.',
  access: 'session',
  stepUp: 'wechat.bind',
  status: 201,
  answer: Type.Object({
    binding_id: Id,
    expires_at: Time,
    qr: WeChatQr,
    /** `code`: whoever scans will be shown a code, which finishes the binding as that of a phone number does. */
    confirm: Type.Enum(['none', 'code']),
  }),
  problems: ['wechat_unavailable', 'wechat_misconfigured', 'wechat_not_configured', 'throttled'],
})

export const readWeChatBinding = defineOperation({
  id: 'wechat.read_binding',
  method: 'GET',
  url: '/v1/bindings/:binding_id/wechat',
  summary: 'Whether the scan has arrived.',
  access: 'session',
  stepUp: null,
  params: BindingParams,
  status: 200,
  answer: Type.Object({
    /** `scanned`: somebody has scanned it, and is asked in WeChat; or `confirm` says what is to be done here. */
    state: Type.Enum(['waiting', 'scanned', 'bound', 'expired', 'refused']),
    /** `code`: whoever scanned sees a code, which is to be typed now. There is none before. */
    confirm: Type.Enum(['none', 'code']),
    /** Why it was refused. `snapshot_user`: WeChat gave a stand-in for the person. */
    problem: Type.Union([
      Type.Enum(['already_bound', 'bound_elsewhere', 'proof_used', 'snapshot_user', 'declined']),
      Type.Null(),
    ]),
    value: Type.Union([Type.String(), Type.Null()]),
    replaced: Type.Boolean(),
    expires_at: Time,
    qr_expires_at: Time,
  }),
  problems: ['binding_expired'],
})

export const renewWeChatQr = defineOperation({
  id: 'wechat.renew_qr',
  method: 'POST',
  url: '/v1/bindings/:binding_id/wechat/renew',
  summary: 'Replace an expired QR code; nobody can begin with the old one any more, nor finish by a code that it gave.',
  access: 'session',
  stepUp: null,
  params: BindingParams,
  status: 200,
  answer: Type.Object({ qr: WeChatQr }),
  problems: ['binding_expired', 'wechat_unavailable', 'wechat_misconfigured', 'wechat_not_configured', 'throttled'],
})

export const beginWebAuthnBinding = defineOperation({
  id: 'webauthn.begin_binding',
  method: 'POST',
  url: '/v1/bindings/webauthn',
  summary: 'Options for the registration ceremony of a security key.',
  access: 'session',
  enrolment: ['webauthn'],
  stepUp: 'webauthn.bind',
  body: Type.Object({ key_name: Type.Optional(KeyName) }, { additionalProperties: false }),
  status: 201,
  answer: Type.Object({ binding_id: Id, expires_at: Time, options: PublicKeyCredentialCreationOptionsJson }),
  problems: ['key_name_invalid', 'too_many_keys'],
})

export const finishWebAuthnBinding = defineOperation({
  id: 'webauthn.finish_binding',
  method: 'POST',
  url: '/v1/bindings/:binding_id/webauthn',
  summary: 'Finish the registration ceremony and bind the key.',
  access: 'session',
  enrolment: ['webauthn'],
  stepUp: null,
  params: BindingParams,
  body: Type.Object({ credential: RegistrationResponseJson }, { additionalProperties: false }),
  status: 200,
  answer: Bound,
  problems: [
    'binding_expired',
    'webauthn_challenge_used',
    'webauthn_challenge_expired',
    'webauthn_challenge_foreign',
    'webauthn_credential_in_use',
    'insufficient_user_authentication',
  ],
})

const Unbound = Type.Object({ item: BindableItem, value: Type.Union([Type.String(), Type.Null()]) })
const unbindProblems = ['not_bound', 'last_factor'] as const

const defineUnbind = <const I extends Exclude<BindableItem, 'webauthn'>>(item: I) =>
  defineOperation({
    id: `${item}.unbind`,
    method: 'DELETE',
    url: `/v1/bindings/${item}`,
    summary: `Unbind ${item}; never the last way into the account.`,
    access: 'session',
    stepUp: `${item}.unbind`,
    status: 200,
    answer: Unbound,
    problems: unbindProblems,
  })

export const unbindPhone = defineUnbind('phone')
export const unbindEmail = defineUnbind('email')
export const unbindTotp = defineUnbind('totp')
export const unbindWeChat = defineUnbind('wechat')

export const unbindWebAuthn = defineOperation({
  id: 'webauthn.unbind',
  method: 'DELETE',
  url: '/v1/bindings/webauthn/:key_id',
  summary: 'Unbind one security key; never the last way into the account.',
  access: 'session',
  stepUp: 'webauthn.unbind',
  params: Type.Object({ key_id: Id }, { additionalProperties: false }),
  status: 200,
  answer: Unbound,
  problems: unbindProblems,
})
