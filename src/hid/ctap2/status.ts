// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Section 8.2, status codes; those that only CTAP 2.0 and its drafts had (0x10, 0x13, 0x16, 0x29, 0x2A, 0x38) are kept,
// keys still send them.

import { CtapError, type KeyErrorCode } from '../errors.ts'

export const statusNames: ReadonlyMap<number, string> = new Map([
  [0x00, 'CTAP2_OK'],
  [0x01, 'CTAP1_ERR_INVALID_COMMAND'],
  [0x02, 'CTAP1_ERR_INVALID_PARAMETER'],
  [0x03, 'CTAP1_ERR_INVALID_LENGTH'],
  [0x04, 'CTAP1_ERR_INVALID_SEQ'],
  [0x05, 'CTAP1_ERR_TIMEOUT'],
  [0x06, 'CTAP1_ERR_CHANNEL_BUSY'],
  [0x0a, 'CTAP1_ERR_LOCK_REQUIRED'],
  [0x0b, 'CTAP1_ERR_INVALID_CHANNEL'],
  [0x10, 'CTAP2_ERR_CBOR_PARSING'],
  [0x11, 'CTAP2_ERR_CBOR_UNEXPECTED_TYPE'],
  [0x12, 'CTAP2_ERR_INVALID_CBOR'],
  [0x13, 'CTAP2_ERR_INVALID_CBOR_TYPE'],
  [0x14, 'CTAP2_ERR_MISSING_PARAMETER'],
  [0x15, 'CTAP2_ERR_LIMIT_EXCEEDED'],
  [0x16, 'CTAP2_ERR_UNSUPPORTED_EXTENSION'],
  [0x17, 'CTAP2_ERR_FP_DATABASE_FULL'],
  [0x18, 'CTAP2_ERR_LARGE_BLOB_STORAGE_FULL'],
  [0x19, 'CTAP2_ERR_CREDENTIAL_EXCLUDED'],
  [0x21, 'CTAP2_ERR_PROCESSING'],
  [0x22, 'CTAP2_ERR_INVALID_CREDENTIAL'],
  [0x23, 'CTAP2_ERR_USER_ACTION_PENDING'],
  [0x24, 'CTAP2_ERR_OPERATION_PENDING'],
  [0x25, 'CTAP2_ERR_NO_OPERATIONS'],
  [0x26, 'CTAP2_ERR_UNSUPPORTED_ALGORITHM'],
  [0x27, 'CTAP2_ERR_OPERATION_DENIED'],
  [0x28, 'CTAP2_ERR_KEY_STORE_FULL'],
  [0x29, 'CTAP2_ERR_NOT_BUSY'],
  [0x2a, 'CTAP2_ERR_NO_OPERATION_PENDING'],
  [0x2b, 'CTAP2_ERR_UNSUPPORTED_OPTION'],
  [0x2c, 'CTAP2_ERR_INVALID_OPTION'],
  [0x2d, 'CTAP2_ERR_KEEPALIVE_CANCEL'],
  [0x2e, 'CTAP2_ERR_NO_CREDENTIALS'],
  [0x2f, 'CTAP2_ERR_USER_ACTION_TIMEOUT'],
  [0x30, 'CTAP2_ERR_NOT_ALLOWED'],
  [0x31, 'CTAP2_ERR_PIN_INVALID'],
  [0x32, 'CTAP2_ERR_PIN_BLOCKED'],
  [0x33, 'CTAP2_ERR_PIN_AUTH_INVALID'],
  [0x34, 'CTAP2_ERR_PIN_AUTH_BLOCKED'],
  [0x35, 'CTAP2_ERR_PIN_NOT_SET'],
  [0x36, 'CTAP2_ERR_PUAT_REQUIRED'],
  [0x37, 'CTAP2_ERR_PIN_POLICY_VIOLATION'],
  [0x38, 'CTAP2_ERR_PIN_TOKEN_EXPIRED'],
  [0x39, 'CTAP2_ERR_REQUEST_TOO_LARGE'],
  [0x3a, 'CTAP2_ERR_ACTION_TIMEOUT'],
  [0x3b, 'CTAP2_ERR_UP_REQUIRED'],
  [0x3c, 'CTAP2_ERR_UV_BLOCKED'],
  [0x3d, 'CTAP2_ERR_INTEGRITY_FAILURE'],
  [0x3e, 'CTAP2_ERR_INVALID_SUBCOMMAND'],
  [0x3f, 'CTAP2_ERR_UV_INVALID'],
  [0x40, 'CTAP2_ERR_UNAUTHORIZED_PERMISSION'],
  [0x7f, 'CTAP1_ERR_OTHER'],
  [0xdf, 'CTAP2_ERR_SPEC_LAST'],
])

const codes: ReadonlyMap<number, KeyErrorCode> = new Map([
  [0x01, 'key_unsupported'],
  [0x05, 'key_timeout'],
  [0x06, 'key_busy'],
  [0x15, 'key_request_too_large'],
  [0x19, 'key_excluded'],
  [0x22, 'key_no_credentials'],
  [0x26, 'key_unsupported_algorithm'],
  [0x27, 'key_denied'],
  [0x28, 'key_full'],
  [0x2b, 'key_unsupported_option'],
  [0x2c, 'key_unsupported_option'],
  [0x2d, 'key_cancelled'],
  [0x2e, 'key_no_credentials'],
  [0x2f, 'key_timeout'],
  [0x30, 'key_not_allowed'],
  [0x31, 'key_pin_invalid'],
  [0x32, 'key_pin_blocked'],
  [0x33, 'key_pin_auth_invalid'],
  [0x34, 'key_pin_auth_blocked'],
  [0x35, 'key_pin_not_set'],
  [0x36, 'key_pin_required'],
  [0x37, 'key_pin_policy'],
  [0x38, 'key_pin_token_expired'],
  [0x39, 'key_request_too_large'],
  [0x3a, 'key_timeout'],
  [0x3b, 'key_touch_required'],
  [0x3c, 'key_uv_blocked'],
  [0x3e, 'key_unsupported_option'],
  [0x3f, 'key_uv_invalid'],
  [0x40, 'key_unsupported_option'],
])

/** The name in the specification of a status byte, ranges included. */
export function statusName(status: number): string {
  const name = statusNames.get(status)
  if (name) return name
  if (status >= 0xf0) return 'CTAP2_ERR_VENDOR'
  if (status >= 0xe0) return 'CTAP2_ERR_EXTENSION'
  return 'unassigned'
}

/** The error that a status byte other than 0x00 means. */
export function statusError(status: number): CtapError {
  const name = statusName(status)
  const message = `the security key answered ${name} (0x${status.toString(16).padStart(2, '0')})`
  return new CtapError(codes.get(status) ?? 'key_refused', message, { status, statusName: name })
}
