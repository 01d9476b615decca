import type { CodeSent, MethodChoice, StepUpOperation, VerificationMethod } from '../contract/schemas.ts'

/** What a code is for, and where it went: told to the person, and to `--code-command` as `HUFU_CODE_*`. */
export interface CodeRequest {
  readonly purpose: 'login' | 'step_up' | 'bind'
  /** `wechat`: shown in WeChat to whoever scanned. */
  readonly channel: 'email' | 'phone' | 'totp' | 'wechat'
  /** Masked where the server masks it; empty for TOTP and WeChat. */
  readonly destination: string
}

/** What a person is to do with a security key; the key is named where it is known which. */
export type KeyWait = 'plug_in' | 'plug_in_again' | 'touch' | 'touch_again'

export interface PinRequest {
  /** What the key is called. */
  readonly key: string
  /** How many wrong PINs the key still takes, where that is known. */
  readonly triesLeft: number | undefined
}

/**
 * How the ceremonies of `src/auth` speak with a person or a script. `src/cli` implements it: by prompts on a terminal,
 * by files, environment variables and `--code-command` elsewhere.
 *
 * Every method rejects with `InputRequiredError` when it may not prompt and nothing supplies the value, and with
 * `CancelledError` on Ctrl-C.
 */
export interface Interaction {
  /**
   * Whether a wrong answer may be asked again: true when answers come from prompts, false when a file, the environment
   * or a command gave it, which would give the same again.
   */
  readonly canRetry: boolean
  /** Whether a person is there, who may be asked and told to do something. */
  readonly isInteractive: boolean
  /** Picks one of the methods, the first preselected. `explicit` is `--verify`, which never falls back. */
  chooseMethod(
    methods: readonly MethodChoice[],
    why: 'login' | 'second_factor' | StepUpOperation,
  ): Promise<VerificationMethod>
  password(): Promise<string>
  /**
   * A code of six digits. `resend` is offered to the person by a prompt, from `sent.resend_at` on. A prompt is taken
   * away, and a command ended, when `stop` aborts, whose reason is thrown then.
   */
  code(request: CodeRequest, sent?: CodeSent, resend?: () => Promise<CodeSent>, stop?: AbortSignal): Promise<string>
  recoveryCode(): Promise<string>
  /** Where `pin` would have the PIN of a security key from. */
  pinSource(): Promise<'script' | 'person' | 'nowhere'>
  /** The PIN of a security key. A prompt is taken away when `signal` aborts, whose reason is thrown then. */
  pin(request: PinRequest, signal?: AbortSignal): Promise<string>
  /** Says, in people's words, why the answer was refused and what is left to try. */
  refused(error: Error, remaining: readonly MethodChoice[]): void
  /** An event as it happens, for `--json`: `step_up`, `code_sent`, `touch` … */
  event(name: string, members: Readonly<Record<string, unknown>>): void
  /** Tells that a code is under way. */
  codeSent(sent: CodeSent, purpose: CodeRequest['purpose']): void
  /** Shows what a security key waits for, and returns how to take it off the screen. */
  keyWaiting(state: KeyWait, keyName?: string): () => void
  /** Says why a security key is not used while others are waited for. */
  keyPassedOver(error: Error, keyName: string): void
  /** Aborts on Ctrl-C, SIGTERM and `--timeout`. */
  readonly signal: AbortSignal
}
