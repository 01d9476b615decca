import type { ApiClient } from '../api/client.ts'
import type { Interaction } from '../auth/interaction.ts'
import type { StepUp } from '../auth/step-up.ts'
import type { WebAuthnClient } from '../auth/webauthn/client.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { MessageKey, MessageValues } from './messages/catalogue.ts'

export interface Choice<T> {
  readonly value: T
  readonly label: string
  readonly hint?: string
}

/** A wait that is shown while it lasts. Nothing but plain lines where there is no terminal; nothing with `-q`. */
export interface Waiting {
  update(text: string): void
  stop(): void
}

/** The only way to the screen. People's words go to stdout, with `--json` to stderr; JSON events only to stdout. */
export interface Terminal {
  /** Whether prompts may be shown. */
  readonly interactive: boolean
  readonly json: boolean
  /** Columns of the screen; 80 where there is none. */
  readonly columns: number
  readonly rows: number
  /** A sentence of the catalogue in the person's language. Values are made printable. */
  t(key: MessageKey, values?: MessageValues): string
  say(text: string): void
  warn(text: string): void
  /** One NDJSON line on stdout with `--json`, nothing without. */
  event(name: string, members: Readonly<Record<string, unknown>>): void
  /** The last line with `--json`: `{"event":"result","ok":true,…}`. Nothing without. */
  result(members: Readonly<Record<string, unknown>>): void
  select<T>(question: string, choices: readonly Choice<T>[], preselected?: T): Promise<T>
  text(question: string, options?: { validate?: (text: string) => true | string }): Promise<string>
  secret(question: string): Promise<string>
  confirm(question: string, preselected: boolean): Promise<boolean>
  waiting(text: string): Waiting
  /**
   * Shows a QR code that scans on dark and light terminals, with `beside` as text. Where the screen is too small or
   * not UTF-8, says so and shows the text alone.
   */
  qr(payload: string, beside: readonly string[]): void
}

/** Values that a person types or a script supplies beside the verification of `Interaction`. */
export interface Input {
  username(given: string | undefined): Promise<string>
  /** The new password, asked twice. */
  newPassword(): Promise<string>
  phoneNumber(given: string | undefined): Promise<string>
  emailAddress(given: string | undefined): Promise<string>
  keyName(given: string | undefined): Promise<string | undefined>
  /** The secret of an enrolment link, from `--link-file`. */
  linkSecret(): Promise<string>
}

export interface SessionProfile {
  readonly origin: string
  readonly profile: string
  readonly username: string | undefined
  save(session: { username: string; sessionSecret: string; sessionId: string; expiresAt: string }): void
  clear(): void
}

/** All that a command may touch. One is made per run, in src/cli/main.ts. */
export interface Context {
  readonly terminal: Terminal
  readonly input: Input
  readonly interaction: Interaction
  readonly api: ApiClient
  readonly stepUp: StepUp
  readonly webauthn: WebAuthnClient
  readonly profile: SessionProfile
  readonly clock: Clock
  readonly random: Random
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}
