/** One mistake: what is wrong, where, and what it should be. It repeats no value that could be a secret. */
export interface Mistake {
  /** The configuration file; `undefined` where the mistake is in the environment or an option. */
  readonly file: string | undefined
  /** From 1. */
  readonly line: number | undefined
  /** From 1. */
  readonly column: number | undefined
  /** The member, `email.smtp.port`, or the variable or option; empty for the file as a whole. */
  readonly path: string
  readonly words: string
}

const describe = ({ file, line, column, path, words }: Mistake): string =>
  [...(file === undefined ? [] : [[file, line, column].filter(part => part !== undefined).join(':')]), path, words]
    .filter(part => part !== '')
    .join(': ')

/** Mistakes in the configuration. The message has a line for each: what is wrong, where, and what it should be. */
export class ConfigError extends Error {
  /** Empty where the mistake is not in the configuration's own members. */
  readonly mistakes: readonly Mistake[]

  constructor(mistakes: string | readonly Mistake[]) {
    super(typeof mistakes === 'string' ? mistakes : mistakes.map(describe).join('\n'))
    this.name = 'ConfigError'
    this.mistakes = typeof mistakes === 'string' ? [] : mistakes
  }
}
