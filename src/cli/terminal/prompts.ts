import { CancelledError } from '../../auth/errors.ts'
import { printable } from '../../lib/printable.ts'
import type { Choice } from '../context.ts'
import type { Translate } from '../messages/catalogue.ts'
import type { Keyboard } from './keyboard.ts'

export interface PromptOptions {
  readonly keyboard: Keyboard
  readonly output: NodeJS.WriteStream
  readonly signal: AbortSignal
  readonly t: Translate
}

const usualRows = 24
const rowsAround = 4
const fewestEntries = 3

type Question =
  | { type: 'input'; message: string; default?: string; validate?: (text: string) => true | string }
  | { type: 'password'; message: string; mask: string; toggleMask: false; validate?: (text: string) => true | string }
  | { type: 'confirm'; message: string; default: boolean; transformer: (yes: boolean) => string }
  | {
      type: 'select'
      message: string
      choices: { name: string; short: string; value: number }[]
      default?: number
      pageSize: number
      loop: false
      theme: { style: { keysHelpTip: () => string } }
    }

/**
 * Asks one question. inquirer is loaded by the first.
 * @throws {CancelledError} on Ctrl-C and at the end of the input; the reason of `signal` when that aborts
 */
async function ask(question: Question, { keyboard, output, signal }: PromptOptions): Promise<unknown> {
  const { default: inquirer } = await import('inquirer')
  signal.throwIfAborted()
  const keys = keyboard.open()
  const ended = new AbortController()
  keys.stream.once('end', () => ended.abort())
  const prompt = inquirer.createPromptModule({
    input: keys.stream,
    output,
    signal: AbortSignal.any([signal, ended.signal]),
  })
  try {
    const { answer } = await prompt<{ answer: unknown }>([{ ...question, name: 'answer' }] as never)
    return answer
  } catch (error) {
    signal.throwIfAborted()
    if (ended.signal.aborted || (error instanceof Error && error.name === 'ExitPromptError')) {
      throw new CancelledError({ cause: error })
    }
    throw error
  } finally {
    keys.close()
  }
}

/** Asks for one of `choices`; the arrow keys move, Enter chooses. */
export async function askChoice<T>(
  question: string,
  choices: readonly Choice<T>[],
  preselected: T | undefined,
  options: PromptOptions,
): Promise<T> {
  const { t } = options
  const named = choices.map(({ label, hint }, value) => ({
    name: hint ? t('method.with_hint', { method: label, hint }) : printable(label),
    short: printable(label),
    value,
  }))
  const start = preselected === undefined ? 0 : choices.findIndex(choice => choice.value === preselected)
  const theme = { style: { keysHelpTip: () => t('prompt.keys') } }
  // Every entry, where the screen has room for them between the question and the line that tells the keys.
  const pageSize = Math.max(fewestEntries, (options.output.rows || usualRows) - rowsAround)
  const chosen = await ask(
    { type: 'select', message: question, choices: named, default: Math.max(start, 0), pageSize, loop: false, theme },
    options,
  )
  const choice = choices[Number(chosen)]
  if (!choice) throw new TypeError('the prompt gave what it was not offered')
  return choice.value
}

export async function askText(
  question: string,
  given: { validate?: (text: string) => true | string; preset?: string },
  options: PromptOptions,
): Promise<string> {
  const { validate, preset } = given
  const asked = await ask(
    {
      type: 'input',
      message: question,
      ...(preset === undefined ? {} : { default: preset }),
      ...(validate ? { validate: (text: string) => validate(text.trim()) } : {}),
    },
    options,
  )
  return String(asked).trim()
}

/** Asks for a secret: shown as dots, never trimmed. */
export async function askSecret(question: string, options: PromptOptions): Promise<string> {
  const { t } = options
  const validate = (text: string) => text !== '' || t('check.not_empty')
  return String(
    await ask(
      {
        type: 'password',
        message: question,
        mask: '•',
        toggleMask: false,
        validate: text => {
          const answer = validate(text)
          return answer === true ? true : String(answer)
        },
      },
      options,
    ),
  )
}

export async function askYesNo(question: string, preselected: boolean, options: PromptOptions): Promise<boolean> {
  const { t } = options
  return (
    (await ask(
      {
        type: 'confirm',
        message: `${question} ${t('prompt.yes_no')}`,
        default: preselected,
        transformer: yes => (yes ? '✓' : '✗'),
      },
      options,
    )) === true
  )
}
