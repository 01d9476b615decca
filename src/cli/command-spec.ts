import type { Context } from './context.ts'
import type { MessageKey } from './messages/catalogue.ts'

/** What the command line gave to one command. */
export interface Given {
  readonly arguments: Readonly<Record<string, string | undefined>>
  readonly options: Readonly<Record<string, string | boolean | undefined>>
}

export interface ArgumentSpec {
  readonly name: string
  readonly help: MessageKey
  readonly required?: true
}

export interface OptionSpec {
  /** As commander writes them: `--limit <n>`. */
  readonly flags: string
  readonly help: MessageKey
}

/** One subcommand, as data; its module is loaded when it runs. */
export interface CommandSpec {
  readonly path: string
  readonly help: MessageKey
  readonly arguments?: readonly ArgumentSpec[]
  readonly options?: readonly OptionSpec[]
  /**
   * `session`: the person has to be logged in, or to have a one-time link. `admin`: they have to be logged in, or to
   * give a service token. `server`: an account server has to be known.
   */
  readonly needs: 'session' | 'admin' | 'server' | 'nothing'
  /** `--timeout` is how long it waits for the server each time, and not for how long it runs. */
  readonly keepsTime?: true
  /** How many calls it makes at once; left out: one. */
  readonly connections?: number
  /** Runs when its parent is named alone. */
  readonly isDefault?: true
  run(context: Context, given: Given): Promise<void>
}

/** The value of an option that takes one. */
export const text = (value: string | boolean | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined
