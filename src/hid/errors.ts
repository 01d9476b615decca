/** Every way in which a security key, or the path to it, refuses. Stable: messages and exit codes hang on them. */
export const keyErrorCodes = [
  // The path to the key.
  'key_not_found',
  'key_device_invalid',
  'key_no_permission',
  'key_needs_administrator',
  'key_hid_unavailable',
  'key_unplugged',
  'key_silent',
  'key_protocol',
  'key_busy',
  'key_unsupported',
  'key_request_too_large',
  // The person, or the caller.
  'key_cancelled',
  'key_timeout',
  'key_denied',
  'key_touch_required',
  // The credentials.
  'key_excluded',
  'key_no_credentials',
  'key_full',
  'key_unsupported_algorithm',
  'key_unsupported_option',
  'key_not_allowed',
  // PIN and built-in user verification.
  'key_pin_required',
  'key_pin_not_set',
  'key_pin_invalid',
  'key_pin_blocked',
  'key_pin_auth_invalid',
  'key_pin_auth_blocked',
  'key_pin_policy',
  'key_pin_change_required',
  'key_pin_token_expired',
  'key_uv_invalid',
  'key_uv_blocked',
  'key_uv_unsupported',
  // Anything else that a key says; `status` tells which.
  'key_refused',
] as const

export type KeyErrorCode = (typeof keyErrorCodes)[number]

export interface CtapErrorDetails {
  /** What the key is called, or where it is. Printable. */
  readonly device?: string
  /** The line that, in a file under /etc/udev/rules.d, lets the person open this key. */
  readonly udevRule?: string
  /** The shared library that node-hid needs and the system lacks, such as `libusb-1.0.so.0`. */
  readonly missingLibrary?: string
  /** The status that the key answered (CTAP or CTAPHID: a byte; U2F: a word), and its name in the specification. */
  readonly status?: number
  readonly statusName?: string
  /** How many more wrong PINs, or misses of a finger, the key takes. */
  readonly retriesLeft?: number
  /** How many characters (Unicode code points) a new PIN has at least. */
  readonly minimumPinLength?: number
}

/** A security key, or the path to it, refused. `code` is stable; the message is English and for logs. */
export class CtapError extends Error {
  readonly code: KeyErrorCode
  readonly details: CtapErrorDetails

  constructor(code: KeyErrorCode, message: string, details: CtapErrorDetails = {}, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CtapError'
    this.code = code
    this.details = details
  }
}

export const isCtapError = (error: unknown, ...codes: KeyErrorCode[]): error is CtapError =>
  error instanceof CtapError && (codes.length === 0 || codes.includes(error.code))
