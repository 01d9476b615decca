import { webauthnProblems } from './webauthn-problems.ts'

/**
 * Every refusal of the API: its stable code, its HTTP status and its title. The body of a refusal is
 * `application/problem+json` (RFC 9457) with the code as a member of its own.
 */
export const problems = {
  // the request
  invalid_request: { status: 400, title: 'The request is not of the form that this operation takes.' },
  not_found: { status: 404, title: 'There is nothing at this address.' },
  body_too_large: { status: 413, title: 'The body of the request is too large.' },
  media_type_unsupported: { status: 415, title: 'The body of the request must be JSON.' },
  // who is asking
  not_logged_in: { status: 401, title: 'There is no session, or it has ended.' },
  insufficient_user_authentication: { status: 401, title: 'This operation needs a step-up proof of its own.' },
  account_disabled: { status: 403, title: 'This account is disabled.' },
  admin_required: { status: 403, title: 'Only an admin may do this.' },
  service_credential_invalid: { status: 401, title: 'The service token is wrong, expired or revoked.' },
  service_scope_missing: { status: 403, title: 'The service token does not cover this operation.' },
  // verification
  login_failed: { status: 401, title: 'The user name and what was given to prove it do not match.' },
  login_expired: { status: 410, title: 'This login was begun too long ago, or has ended.' },
  password_incorrect: { status: 403, title: 'The password is wrong.' },
  code_incorrect: { status: 403, title: 'The code is wrong.' },
  code_expired: { status: 410, title: 'The code has expired.' },
  code_used: { status: 410, title: 'The code has been used already.' },
  code_other_purpose: { status: 403, title: 'The code was sent for something else.' },
  code_not_sent: { status: 409, title: 'No code has been sent yet.' },
  totp_incorrect: { status: 403, title: 'The one-time password is wrong.' },
  totp_used: { status: 403, title: 'The one-time password has been used already.' },
  recovery_code_incorrect: { status: 403, title: 'The recovery code is wrong or has been used already.' },
  method_not_available: { status: 409, title: 'This verification method is not available here.' },
  challenge_expired: { status: 410, title: 'The step-up challenge has expired or was answered already.' },
  // new values
  password_too_short: { status: 422, title: 'The new password is too short.' },
  password_too_long: { status: 422, title: 'The new password is too long.' },
  password_too_common: { status: 422, title: 'The new password is among the most common ones.' },
  password_hash_invalid: {
    status: 422,
    title: 'This is no PHC string of argon2id with parameters that this server takes.',
  },
  password_unchanged: { status: 422, title: 'The new password equals the old one.' },
  phone_number_invalid: { status: 422, title: 'This is no phone number that can receive a code.' },
  phone_country_unserved: { status: 422, title: 'No text messages are sent to this country.' },
  channel_off: { status: 409, title: 'Nobody delivers messages of this kind now.' },
  email_address_invalid: { status: 422, title: 'This is no email address.' },
  username_invalid: { status: 422, title: 'This is no user name.' },
  username_taken: { status: 409, title: 'This user name is taken.' },
  key_name_invalid: { status: 422, title: 'This is no name for a security key.' },
  // bindings
  already_bound: { status: 409, title: 'This is already bound to this account.' },
  bound_elsewhere: { status: 409, title: 'This is bound to another account.' },
  not_bound: { status: 409, title: 'Nothing of this kind is bound to this account.' },
  binding_expired: { status: 410, title: 'This binding was begun too long ago, or has ended.' },
  last_factor: { status: 409, title: 'This is the last way into the account.' },
  too_many_keys: { status: 409, title: 'No more security keys can be bound to this account.' },
  session_unknown: { status: 404, title: 'There is no such session.' },
  link_invalid: { status: 410, title: 'The link is wrong, has expired, or has been used.' },
  link_other_purpose: { status: 409, title: 'The link is for something else.' },
  // admins
  account_unknown: { status: 404, title: 'There is no such account.' },
  own_account: { status: 409, title: 'An admin cannot do this to their own account.' },
  last_admin: { status: 409, title: 'This is the last admin who can log in.' },
  token_unknown: { status: 404, title: 'There is no such token.' },
  // bulk runs
  run_unknown: { status: 404, title: 'There is no such run, or it is somebody else’s.' },
  run_conflict: { status: 409, title: 'A run of this id was begun with another file, count or reason.' },
  run_finished: { status: 409, title: 'The run has been finished.' },
  run_expired: { status: 410, title: 'What the run has changed is not kept any more: it cannot be undone.' },
  run_secret_invalid: { status: 403, title: 'The secret of the run is wrong or has expired.' },
  batch_mismatch: { status: 422, title: 'The rows of the batch are not those that the run was proven for.' },
  // limits and faults
  throttled: { status: 429, title: 'Too many attempts.' },
  busy: { status: 503, title: 'The server is busy.' },
  wechat_unavailable: { status: 502, title: 'WeChat does not answer.' },
  wechat_not_configured: { status: 409, title: 'This server is not connected to WeChat.' },
  wechat_misconfigured: { status: 502, title: 'WeChat refuses this server: its administrator must act.' },
  internal_error: { status: 500, title: 'The server failed.' },
  ...webauthnProblems,
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof problems

/** Why an operation that needs a proof did not accept the one it was given. */
export const proofRefusals = [
  'missing',
  'unknown',
  'expired',
  'used',
  'other_operation',
  'other_session',
  'other_value',
] as const
export type ProofRefusal = (typeof proofRefusals)[number]
