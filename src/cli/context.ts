import { realpathSync } from 'node:fs'
import type { ApiClient } from '../api/client.ts'
import type { CodeRequest, Interaction } from '../auth/interaction.ts'
import type { StepUp } from '../auth/step-up.ts'
import type { WebAuthnClient } from '../auth/webauthn/client.ts'
import type { VerificationMethod } from '../contract/schemas.ts'
import type { AuthenticatorSource } from '../hid/index.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import type { MessageKey, MessageValues } from './messages/catalogue.ts'
import type { Network } from './network.ts'
import type { NewSession, SessionStorage } from './session-store.ts'

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

export type Style = 'strong' | 'dim' | 'good' | 'bad' | 'command'

/** A cell of a table: what it says, and how it is painted where colours are allowed. */
export interface Cell {
  readonly text: string
  readonly style?: Style
}

/** A QR code as it was shown. */
export interface DrawnQr {
  /** Lines that it took; 0 where its place can't be taken by another. */
  readonly rows: number
  /** Columns of the screen at that time. */
  readonly columns: number
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
  /** Whether stdout still has a reader; false once `… | head` has seen enough. */
  readonly isHeard: boolean
  /** A result: shown even with `-q`. */
  say(text: string): void
  /** As `say`, but no line is broken: it is there to be copied. */
  sayWhole(text: string): void
  /** What helps on the way to it: not shown with `-q`. */
  note(text: string): void
  /** As `note`, but always on stderr: where stdout is for a result alone, that goes into a file. */
  aside(text: string): void
  warn(text: string): void
  /** As `warn`, unbroken. */
  warnWhole(text: string): void
  paint(style: Style, text: string): string
  /** Rows in columns under `titles`; one line per cell where the screen is too narrow for that. */
  table(titles: readonly string[], rows: readonly (readonly Cell[])[]): Promise<void>
  /** One NDJSON line on stdout with `--json`, nothing without. */
  event(name: string, members: Readonly<Record<string, unknown>>): void
  /** The last line with `--json`: `{"event":"result","ok":true,…}`. Nothing without. */
  result(members: Readonly<Record<string, unknown>>): void
  select<T>(question: string, choices: readonly Choice<T>[], preselected?: T): Promise<T>
  /** A prompt for a line. Taken away when `stop` aborts; then its reason is thrown. */
  text(
    question: string,
    options?: { validate?: (text: string) => true | string; preset?: string; stop?: AbortSignal },
  ): Promise<string>
  /** A prompt for a secret. Taken away when `stop` aborts; then its reason is thrown. */
  secret(question: string, stop?: AbortSignal): Promise<string>
  confirm(question: string, preselected: boolean): Promise<boolean>
  waiting(text: string): Waiting
  /** Whether `progress` is a line that changes. */
  readonly isProgressLive: boolean
  /** How far something long is, on stderr; as `waiting` on a screen, plain lines elsewhere. Nothing with `-q`, `--json`. */
  progress(text: string): Waiting
  /**
   * Shows a QR code that scans on dark and light terminals, with `beside` as text. Where the screen is too small or
   * not UTF-8, says so and shows the text alone.
   * @param beside empty where all that is to be said, and what the code says, stands above it already
   * @param over an earlier one under which nothing stands any more: its place is taken, where that can be done
   */
  qr(payload: string, beside: readonly string[], over?: DrawnQr): Promise<DrawnQr>
}

/** Values that a person types or a script supplies beside the verification of `Interaction`. */
export interface Input {
  /** Whether the last value came from a prompt, so that a refused one may be asked again. */
  readonly canRetry: boolean
  username(given: string | undefined): Promise<string>
  /** The new password, asked twice. */
  newPassword(): Promise<string>
  phoneNumber(given: string | undefined): Promise<string>
  emailAddress(given: string | undefined): Promise<string>
  keyName(given: string | undefined): Promise<string | undefined>
  /** The PIN that a security key has now. */
  pin(): Promise<string>
  /**
   * The PIN that a security key is to have, asked twice. `shortest` is in characters; where the key has none yet
   * (`isFirst`), what supplies a PIN supplies this one, too.
   * @throws {CommandError} `key_pin_length` when a script supplies one that no such key takes
   */
  newPin(wanted: { readonly shortest: number; readonly isFirst: boolean }): Promise<string>
  /** Has the person type `word` before something is lost for good; `given` is what a script confirmed. */
  confirmation(word: string, question: string, given: string | undefined): Promise<void>
  /** The secret of an enrolment link, from the file that `--link-file` names. */
  linkSecret(file: string): Promise<string>
}

/** Where verification answers and new values come from when no person is asked. `undefined`: not from here. */
export interface Answers {
  username(): Promise<string | undefined>
  password(): Promise<string | undefined>
  newPassword(): Promise<string | undefined>
  /** A command that is to print it is ended when `stop` aborts, whose reason is thrown then. */
  code(request: CodeRequest, stop?: AbortSignal): Promise<string | undefined>
  recoveryCode(): Promise<string | undefined>
  pin(): Promise<string | undefined>
  newPin(): Promise<string | undefined>
}

export interface SessionProfile {
  readonly origin: string
  readonly profile: string
  readonly username: string | undefined
  /** The id of the session in use. */
  readonly sessionId: string | undefined
  /** @throws {CommandError} `profile_unwritable`; `keyring_unavailable` where the keyring has to be used */
  save(session: NewSession): Promise<void>
  /** Forgets the session, which has ended. */
  clear(): Promise<void>
  /** Where its secret lies; without a login: where that of the next would. */
  storage(): Promise<SessionStorage>
}

export interface DemoMessage {
  readonly channel: string
  readonly to: string
  readonly code: string | null
  readonly text: string
}

/** An event of a demo run: what a command told by `Terminal.event`, and the result it ended with. */
export type DemoEvent = (name: string, members: Readonly<Record<string, unknown>>) => void | Promise<void>

/** An account server of one's own on this machine, with everything around it played by simulators. */
export interface RunningDemo {
  readonly origin: string
  readonly account: { readonly username: string; readonly password: string }
  /** The messages sent to one number or address, the newest first. */
  messages(to: string): Promise<readonly DemoMessage[]>
  /** Scans a WeChat QR code, as a phone would. */
  scan(url: string): Promise<void>
  /** The code that an authenticator app shows for `secret` (Base32), `steps` periods from now. */
  totpCode(secret: string, steps: number): Promise<string>
  /** The messages that have come since the last call, the oldest first. */
  newMessages(): Promise<readonly DemoMessage[]>
  /**
   * The context of a person who uses the demo's server with the demo's security key. `answers` and `verify` replace
   * prompts; `onEvent` hears each event as it happens.
   */
  context(options: {
    answers?: Partial<Answers>
    verify?: readonly VerificationMethod[]
    onEvent?: DemoEvent
  }): Promise<Context>
  stop(): Promise<void>
}

export interface DemoHost {
  /** @throws {CommandError} `demo_server_failed` when the server does not come up. */
  start(): Promise<RunningDemo>
}

/** All that a command may touch. One is made per run, in src/cli/main.ts. */
export interface Context {
  readonly terminal: Terminal
  readonly input: Input
  readonly interaction: Interaction
  readonly api: ApiClient
  readonly stepUp: Pick<StepUp, 'run'>
  /** Whether a service token was given. Admins' operations that take one are called with it, and without a step-up. */
  readonly hasToken: boolean
  readonly webauthn: WebAuthnClient
  /** What `--device` names. */
  readonly device: string | undefined
  /** The security key at `device`, or all on USB. Whoever asks closes the source. @throws {CtapError} */
  openAuthenticators(device: string | undefined): Promise<AuthenticatorSource>
  readonly profile: SessionProfile
  /** The way to a server, as `diagnoseServer` takes it. @throws {CommandError} {ApiError} where options or variables are wrong */
  network(origin: string): Promise<Network>
  readonly clock: Clock
  readonly random: Random
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  /** What `--timeout` says, for commands that keep time by themselves. */
  readonly timeoutSeconds: number | undefined
  readonly demo: DemoHost
  /** Says an error in people's words, and what to do next: `next`, where its usual words do not fit. */
  explain(error: unknown, next?: string): void
}

/** What the process gives: everything that `main` reads from outside. */
export interface SystemContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly platform: NodeJS.Platform
  readonly clock: Clock
  readonly random: Random
  /** The file that was started, links resolved; the sibling `hufud.cjs` is beside it. */
  readonly executable: string
  /** Calls `listener` on SIGINT, SIGTERM and a closed terminal, once; returns how to stop listening. */
  onStop(listener: () => void): () => void
}

/** The system context of this process. */
export function systemContext(): SystemContext {
  const started = process.argv[1] ?? ''
  let executable = started
  try {
    executable = realpathSync(started)
  } catch {
    // Started from a file that is gone by now: only the demo would need it.
  }
  return {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    platform: process.platform,
    clock: systemClock,
    random: systemRandom,
    executable,
    onStop(listener) {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
      for (const signal of signals) process.once(signal, listener)
      return () => {
        for (const signal of signals) process.removeListener(signal, listener)
      }
    },
  }
}
