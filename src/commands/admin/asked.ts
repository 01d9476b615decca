import { InputRequiredError } from '../../auth/errors.ts'
import type { Context } from '../../cli/context.ts'
import { CommandError } from '../command-error.ts'

export interface Question {
  /** What is missing where nobody can be asked: `missing.…` of the catalogues. */
  readonly missing: string
  /** What supplies it. */
  readonly option: string
  readonly words: string
  /** What it has to look like, in the person's words. */
  readonly expected: string
  isRight(text: string): boolean
}

/**
 * A value that was given on the command line, else one that the person types.
 * @throws {InputRequiredError} where it was left out and nobody can be asked
 * @throws {CommandError} `input_malformed` where what was given is not right
 */
export async function asked({ terminal }: Context, given: string | undefined, question: Question): Promise<string> {
  const { missing, option, words, expected, isRight } = question
  if (given !== undefined) {
    if (isRight(given)) return given
    throw new CommandError('input_malformed', { source: option, expected })
  }
  if (!terminal.interactive) throw new InputRequiredError(missing, [option])
  const validate = (text: string) => isRight(text) || terminal.t('check.expected', { expected })
  return terminal.text(words, { validate })
}
