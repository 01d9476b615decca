import { CommandError } from './command-error.ts'

/**
 * How many entries of a list are asked for: what `--limit` says, from 1 to 200.
 * @param expected what it takes, in the person's words
 * @throws {CommandError} `input_malformed`
 */
export function pageLimit(text: string | undefined, usual: number, expected: string): number {
  if (text === undefined) return usual
  const limit = Number(text)
  if (/^\d{1,3}$/.test(text) && limit >= 1 && limit <= 200) return limit
  throw new CommandError('input_malformed', { source: '--limit', expected })
}
