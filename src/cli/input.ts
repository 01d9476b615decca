import { InputRequiredError } from '../auth/errors.ts'
import { CommandError } from '../commands/command-error.ts'
import { linesOf } from './answers.ts'
import type { Answers, Input, Terminal } from './context.ts'

const newPasswordOptions = ['--new-password-file', 'HUFU_NEW_PASSWORD']
const shortestPassword = 6

/** The secret of an enrolment link: the last 43 characters of base64url in it. */
const linkSecretOf = (link: string): string | undefined => link.trim().match(/(?:^|[/#?=])([A-Za-z0-9_-]{43})$/)?.[1]

/** Values beside the verification: what was given, what a script supplies, what a person types. */
export function createInput(terminal: Terminal, answers: Answers): Input {
  const { t } = terminal
  let canRetry = false

  async function asked(missing: string, options: readonly string[], ask: () => Promise<string>): Promise<string> {
    if (!terminal.interactive) throw new InputRequiredError(missing, options)
    const answer = await ask()
    canRetry = true
    return answer
  }

  const notEmpty = (text: string) => (text === '' ? t('check.not_empty') : true)

  return {
    get canRetry() {
      return canRetry
    },
    async username(given) {
      const known = given ?? (await answers.username())
      return known ?? asked('username', ['USERNAME'], () => terminal.text(t('ask.username'), { validate: notEmpty }))
    },
    async newPassword() {
      canRetry = false
      const supplied = await answers.newPassword()
      if (supplied !== undefined) return supplied
      return asked('new_password', newPasswordOptions, async () => {
        for (;;) {
          const first = await terminal.secret(t('ask.new_password'))
          if ([...first].length < shortestPassword) {
            terminal.warn(t('check.password_length'))
            continue
          }
          if ((await terminal.secret(t('ask.new_password_again'))) === first) return first
          terminal.warn(t('error.passwords_differ'))
        }
      })
    },
    async phoneNumber(given) {
      canRetry = false
      if (given !== undefined) return given
      const validate = (text: string) => /^\+?[\d\s()-]{5,}$/.test(text) || t('check.phone_number')
      return asked('phone_number', ['NUMBER'], () => terminal.text(t('ask.phone_number'), { validate }))
    },
    async emailAddress(given) {
      canRetry = false
      if (given !== undefined) return given
      const validate = (text: string) => /^\S+@\S+$/.test(text) || t('check.email_address')
      return asked('email_address', ['ADDRESS'], () => terminal.text(t('ask.email_address'), { validate }))
    },
    async keyName(given) {
      if (given !== undefined || !terminal.interactive) return given
      const name = await terminal.text(t('ask.key_name'))
      return name === '' ? undefined : name
    },
    async linkSecret(file) {
      const line = linesOf(file, readable => terminal.warn(t('warn.file_readable', { file: readable })))()
      const secret = linkSecretOf(line ?? '')
      if (secret === undefined) {
        throw new CommandError('input_malformed', { source: file, expected: t('expected.link') })
      }
      return secret
    },
  }
}
