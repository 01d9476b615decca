/** CTAP 2.1 section 8.2, as far as this key answers with them. */
export const status = {
  ok: 0x00,
  invalidCommand: 0x01,
  invalidParameter: 0x02,
  unexpectedType: 0x11,
  invalidCbor: 0x12,
  missingParameter: 0x14,
  limitExceeded: 0x15,
  excluded: 0x19,
  unsupportedAlgorithm: 0x26,
  denied: 0x27,
  storeFull: 0x28,
  unsupportedOption: 0x2b,
  invalidOption: 0x2c,
  keepaliveCancel: 0x2d,
  noCredentials: 0x2e,
  userActionTimeout: 0x2f,
  notAllowed: 0x30,
  pinInvalid: 0x31,
  pinBlocked: 0x32,
  pinAuthInvalid: 0x33,
  pinAuthBlocked: 0x34,
  pinNotSet: 0x35,
  /** PUAT_REQUIRED in CTAP 2.1, PIN_REQUIRED in CTAP 2.0. */
  puatRequired: 0x36,
  pinPolicyViolation: 0x37,
  requestTooLarge: 0x39,
  uvBlocked: 0x3c,
  invalidSubcommand: 0x3e,
  uvInvalid: 0x3f,
  unauthorizedPermission: 0x40,
} as const

/** Thrown to answer with a status alone. */
export class StatusError extends Error {
  readonly status: number

  constructor(code: number) {
    super(`CTAP status 0x${code.toString(16)}`)
    this.name = 'StatusError'
    this.status = code
  }
}
