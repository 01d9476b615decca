// https://fidoalliance.org/specs/fido-u2f-v1.2-ps-20170411/fido-u2f-raw-message-formats-v1.2-ps-20170411.html
// Section 3.3, status words.

import { CtapError, type KeyErrorCode } from '../errors.ts'

export const statusWord = {
  noError: 0x9000,
  /** The key waits to be touched; to a check-only request: the key handle is its own. */
  conditionsNotSatisfied: 0x6985,
  /** U2F is off: the key never does anything without user verification (CTAP 2.1 section 7.2.4). */
  commandNotAllowed: 0x6986,
  /** The key handle is not the key's own. */
  wrongData: 0x6a80,
  wrongLength: 0x6700,
  classNotSupported: 0x6e00,
  instructionNotSupported: 0x6d00,
} as const

const meanings: ReadonlyMap<number, readonly [name: string, code: KeyErrorCode]> = new Map([
  [statusWord.noError, ['SW_NO_ERROR', 'key_protocol']],
  [statusWord.conditionsNotSatisfied, ['SW_CONDITIONS_NOT_SATISFIED', 'key_touch_required']],
  [statusWord.commandNotAllowed, ['SW_COMMAND_NOT_ALLOWED', 'key_not_allowed']],
  [statusWord.wrongData, ['SW_WRONG_DATA', 'key_no_credentials']],
  [statusWord.wrongLength, ['SW_WRONG_LENGTH', 'key_protocol']],
  [statusWord.classNotSupported, ['SW_CLA_NOT_SUPPORTED', 'key_unsupported']],
  [statusWord.instructionNotSupported, ['SW_INS_NOT_SUPPORTED', 'key_unsupported']],
])

/** The error that a status word other than 0x9000 means. */
export function statusWordError(status: number): CtapError {
  const [statusName, code] = meanings.get(status) ?? ['unassigned', 'key_refused' as const]
  const message = `the security key answered ${statusName} (0x${status.toString(16).padStart(4, '0')})`
  return new CtapError(code, message, { status, statusName })
}
