import type { CommanderError } from 'commander'
import type { Translate } from './messages/catalogue.ts'

/** A command line that cannot be read; `words` say why, in the person's language. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'usage_invalid'
  readonly words: string

  constructor(words: string, options?: ErrorOptions) {
    super(words, options)
    this.words = words
  }
}

/** Options that people look for, and that must not be: what to use in their place. */
const secrets: Readonly<Record<string, readonly string[]>> = {
  '--password': ['--password-file', 'HUFU_PASSWORD'],
  '-p': ['--password-file', 'HUFU_PASSWORD'],
  '--new-password': ['--new-password-file', 'HUFU_NEW_PASSWORD'],
  '--code': ['--code-file', 'HUFU_CODE', '--code-command'],
  '--pin': ['--pin-file', 'HUFU_PIN'],
  '--new-pin': ['--new-pin-file', 'HUFU_NEW_PIN'],
  '--token': ['--token-file', 'HUFU_TOKEN'],
}

/** What commander says, in the person's words. */
export function usageError(error: CommanderError, t: Translate): UsageError {
  const [quoted = ''] = error.message.match(/'[^']*'/) ?? []
  const what = quoted.slice(1, -1)
  const [flag = ''] = what.split(/[ =]/)
  const suggested = error.message.match(/Did you mean (?:one of )?(.*?)\?/)?.[1]
  const suggestion = suggested ? t('usage.did_you_mean', { what: suggested }) : ''
  const words = () => {
    switch (error.code) {
      case 'commander.unknownOption': {
        const instead = secrets[flag]
        if (instead) return t('usage.secret_in_argv', { what: flag, instead: instead.join(t('list.or')) })
        // What follows `=` may be a secret, meant for an option that there is not.
        return t('usage.unknown_option', { what: flag }) + suggestion
      }
      case 'commander.unknownCommand':
        return t('usage.unknown_command', { what }) + suggestion
      case 'commander.missingArgument':
        return t('usage.missing_argument', { what: what.toUpperCase() })
      case 'commander.optionMissingArgument':
        return t('usage.option_needs_value', { what })
      case 'commander.excessArguments':
        return t('usage.too_many')
      default:
        return t('error.usage_invalid')
    }
  }
  return new UsageError(words(), { cause: error })
}
