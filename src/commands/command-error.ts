/** Refusals that arise on this side of the wire, beside those of the API, of `src/auth` and of a security key. */
export const commandErrorCodes = [
  'usage_invalid',
  'input_required',
  'input_unreadable',
  'input_malformed',
  'passwords_differ',
  'code_command_failed',
  'code_command_timeout',
  'server_not_set',
  'link_other_server',
  'enrolment_ended',
  'profile_unreadable',
  'profile_unwritable',
  'keyring_unavailable',
  'cancelled',
  'timed_out',
  'scan_timeout',
  'scan_refused',
  'scan_declined',
  'scan_snapshot_user',
  'key_unknown',
  'key_pin_unsupported',
  'key_pin_exists',
  'key_pin_length',
  'key_wink_unsupported',
  'key_reset_unsupported',
  'key_reset_late',
  'key_other_plugged_in',
  'key_still_plugged_in',
  'confirmation_wrong',
  'options_conflict',
  'output_exists',
  'output_unwritable',
  'doctor_found_faults',
  'demo_server_failed',
  'demo_failed',
  'bug',
] as const
export type CommandErrorCode = (typeof commandErrorCodes)[number]

/** A refusal with a stable code; its words are in the catalogues under `error.<code>` and `next.<code>`. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: CommandErrorCode
  readonly values: Readonly<Record<string, string | number>>

  constructor(
    code: CommandErrorCode,
    values: Readonly<Record<string, string | number>> = {},
    options: ErrorOptions = {},
  ) {
    super(code, options)
    this.code = code
    this.values = values
  }
}
