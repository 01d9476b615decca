import { InputRequiredError } from '../auth/errors.ts'
import { CommandError } from '../commands/command-error.ts'
import type { Answers, Input, Terminal } from './context.ts'
import { linkReader, type ReadLink } from './link-file.ts'

const newPasswordOptions = ['--new-password-file', 'HUFU_NEW_PASSWORD']
const shortestPassword = 6
const pinOptions = ['--pin-file', 'HUFU_PIN']
const newPinOptions = ['--new-pin-file', 'HUFU_NEW_PIN']
/** CTAP 2.1 section 6.5.1: a PIN has at most this many bytes as UTF-8; its shortest length counts code points. */
const longestPinBytes = 63

/** Values beside the verification: what was given, what a script supplies, what a person types. */
export function createInput(
  terminal: Terminal,
  answers: Answers,
  readLink: ReadLink = linkReader(terminal.t, () => {}),
): Input {
  const { t } = terminal
  let canRetry = false

  async function asked(missing: string, options: readonly string[], ask: () => Promise<string>): Promise<string> {
    if (!terminal.interactive) throw new InputRequiredError(missing, options)
    const answer = await ask()
    canRetry = true
    return answer
  }

  /** What is wrong with a PIN that a key is to have; nothing where it is right. */
  const pinLengthFault = (typed: string, shortest: number): string | undefined => {
    const pin = typed.normalize('NFC')
    if ([...pin].length < shortest) return t('check.pin_short', { shortest })
    return Buffer.byteLength(pin) > longestPinBytes ? t('check.pin_long') : undefined
  }

  async function typeTwice(
    questions: { readonly first: string; readonly again: string; readonly differ: string },
    fault: (typed: string) => string | undefined,
  ): Promise<string> {
    for (;;) {
      const first = await terminal.secret(questions.first)
      const wrong = fault(first)
      if (wrong === undefined && (await terminal.secret(questions.again)) === first) return first
      terminal.warn(wrong ?? questions.differ)
    }
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
      const first = t('ask.new_password')
      const questions = { first, again: t('ask.new_password_again'), differ: t('error.passwords_differ') }
      const fault = (typed: string) => ([...typed].length < shortestPassword ? t('check.password_length') : undefined)
      return asked('new_password', newPasswordOptions, () => typeTwice(questions, fault))
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
    async pin() {
      canRetry = false
      return (await answers.pin()) ?? asked('current_pin', pinOptions, () => terminal.secret(t('ask.current_pin')))
    },
    async newPin({ shortest, isFirst }) {
      canRetry = false
      const supplied = (await answers.newPin()) ?? (isFirst ? await answers.pin() : undefined)
      if (supplied !== undefined) {
        if (pinLengthFault(supplied, shortest) === undefined) return supplied
        throw new CommandError('key_pin_length', { shortest })
      }
      const first = t('ask.new_pin', { shortest })
      const questions = { first, again: t('ask.new_pin_again'), differ: t('check.pins_differ') }
      const options = isFirst ? [...pinOptions, ...newPinOptions] : newPinOptions
      return asked('new_pin', options, () => typeTwice(questions, typed => pinLengthFault(typed, shortest)))
    },
    async confirmation(word, question, given) {
      if (given !== undefined && given !== word) throw new CommandError('confirmation_wrong', { word })
      if (given === word) return
      const validate = (text: string) => text === word || t('check.confirmation', { word })
      await asked('confirmation', [`--confirm ${word}`], () => terminal.text(question, { validate }))
    },
    async linkSecret(file) {
      return (await readLink(file)).secret
    },
  }
}
