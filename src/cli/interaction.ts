import { ApiError, isApiError } from '../api/errors.ts'
import { InputRequiredError } from '../auth/errors.ts'
import type { CodeRequest, Interaction } from '../auth/interaction.ts'
import { CommandError } from '../commands/command-error.ts'
import type { CodeSent, MethodChoice, VerificationMethod } from '../contract/schemas.ts'
import { type Clock, timeOf } from '../lib/clock.ts'
import type { Answers, Choice, Context, Terminal } from './context.ts'
import { codeOf, explainError, sayNext } from './errors.ts'

const passwordOptions = ['--password-file', 'HUFU_PASSWORD']
const isSixDigits = (text: string): boolean => /^\d{6}$/.test(text)

const pinOptions = ['--pin-file', 'HUFU_PIN']
const fewTries = 3
const codeQuestions = {
  email: 'ask.code',
  phone: 'ask.code',
  totp: 'ask.totp_code',
  wechat: 'ask.wechat_code',
} as const satisfies Record<CodeRequest['channel'], string>
const codeOptions = ['--code-file', 'HUFU_CODE', '--code-command']

export interface InteractionOptions {
  readonly terminal: Terminal
  readonly answers: Answers
  /** `--verify`, in the order given; empty when it was not. */
  readonly verify: readonly VerificationMethod[]
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly explain: Context['explain']
}

/** How the ceremonies of `src/auth` speak with a person, or take from a script what it supplies. */
export function createInteraction(options: InteractionOptions): Interaction {
  const { terminal, answers, verify, clock, signal, explain } = options
  const { t } = terminal
  let prompted = false
  /** After a wrong answer the person picks, whatever `--verify` named. */
  let picksAnew = false

  /** Of recovery codes the server tells how many are left. */
  const hintOf = (method: VerificationMethod, hint: string) =>
    method === 'recovery' && /^\d+$/.test(hint) ? t('method.left', { count: Number(hint) }) : hint

  const notAvailable = (methods: readonly MethodChoice[]) => {
    const error = new ApiError('method_not_available', {
      detail: `Available: ${methods.map(m => m.method).join(', ')}.`,
    })
    const available = methods.map(({ method }) => method).join(', ')
    return Object.assign(error, { values: { available } })
  }

  async function chosenWithoutAsking(
    methods: readonly MethodChoice[],
    why: Parameters<Interaction['chooseMethod']>[1],
  ): Promise<VerificationMethod | undefined> {
    const offered = (method: VerificationMethod) => methods.some(choice => choice.method === method)
    if (verify.length > 0) {
      const named = (why === 'second_factor' ? verify.slice(1).find(offered) : undefined) ?? verify.find(offered)
      if (named !== undefined) return named
      // `--verify` named the first factor; what the second may be was not said.
      if (why !== 'second_factor') throw notAvailable(methods)
    }
    if (terminal.interactive) return undefined
    if (why !== 'second_factor' && offered('password') && (await answers.password()) !== undefined) return 'password'
    const [only, ...others] = methods.filter(({ method }) => method !== 'recovery')
    return only && others.length === 0 ? only.method : undefined
  }

  async function ask(question: () => Promise<string>, missing: string, supply: readonly string[]): Promise<string> {
    if (!terminal.interactive) throw new InputRequiredError(missing, supply)
    prompted = true
    return question()
  }

  function tellWhenResendable(sent: CodeSent): boolean {
    const seconds = Math.ceil((timeOf(sent.resend_at) - clock.now()) / 1000)
    if (seconds <= 0) return true
    terminal.warn(t('code.resend_later', { when: t('when.seconds', { count: seconds }) }))
    return false
  }

  async function typeCode(
    request: CodeRequest,
    first: CodeSent | undefined,
    resend: (() => Promise<CodeSent>) | undefined,
    stop: AbortSignal | undefined,
  ): Promise<string> {
    let sent = first
    const validate = (text: string) => isSixDigits(text) || (resend && /^r$/i.test(text)) || t('check.six_digits')
    for (;;) {
      const typed = await terminal.text(t(codeQuestions[request.channel]), {
        validate: text => (validate(text) === true ? true : String(validate(text))),
        ...(stop ? { stop } : {}),
      })
      if (!/^r$/i.test(typed) || !resend) return typed
      if (sent && !tellWhenResendable(sent)) continue
      try {
        sent = await resend()
      } catch (error) {
        if (signal.aborted) throw error
        explain(error)
      }
    }
  }

  return {
    signal,
    isInteractive: terminal.interactive,
    get canRetry() {
      return prompted
    },
    async chooseMethod(methods, why) {
      const chosen = picksAnew && terminal.interactive ? undefined : await chosenWithoutAsking(methods, why)
      picksAnew = false
      if (chosen !== undefined) return chosen
      if (!terminal.interactive) throw new InputRequiredError('verification_method', ['--verify'])
      prompted = true
      const [only, ...others] = methods
      if (only && others.length === 0) return only.method
      const question =
        why === 'login' ? 'ask.login_method' : why === 'second_factor' ? 'ask.second_factor' : 'ask.step_up'
      const choices = methods.map(
        ({ method, hint }): Choice<VerificationMethod> => ({
          value: method,
          label: t(`method.${method}`),
          ...(hint === null ? {} : { hint: hintOf(method, hint) }),
        }),
      )
      return terminal.select(t(question), choices)
    },
    async password() {
      prompted = false
      return (await answers.password()) ?? ask(() => terminal.secret(t('ask.password')), 'password', passwordOptions)
    },
    async code(request, sent, resend, stop) {
      prompted = false
      const supplied = await answers.code(request, stop)
      if (supplied === undefined) return ask(() => typeCode(request, sent, resend, stop), 'code', codeOptions)
      if (isSixDigits(supplied)) return supplied
      throw new CommandError('input_malformed', {
        source: codeOptions.join(t('list.or')),
        expected: t('expected.code'),
      })
    },
    async recoveryCode() {
      prompted = false
      return (
        (await answers.recoveryCode()) ??
        ask(() => terminal.text(t('ask.recovery_code')), 'recovery_code', ['--code-file', 'HUFU_CODE'])
      )
    },
    async pinSource() {
      if ((await answers.pin()) !== undefined) return 'script'
      return terminal.interactive ? 'person' : 'nowhere'
    },
    async pin({ key, triesLeft }, stop) {
      prompted = false
      const supplied = await answers.pin()
      if (supplied !== undefined) return supplied
      if (terminal.interactive && triesLeft !== undefined && triesLeft <= fewTries) {
        terminal.warn(t('keys.few_tries', { count: triesLeft }))
      }
      return ask(() => terminal.secret(t('ask.pin', { key }), stop), 'pin', pinOptions)
    },
    refused(error, remaining) {
      picksAnew = remaining.length > 1
      const methods = remaining.map(({ method }) => t(`method.${method}`)).join(t('list.and'))
      const others = remaining.length > 1 ? t('refused.remaining', { methods }) : undefined
      // What these advise is that, too, in the words of a command line.
      const samesay = isApiError(error, 'password_incorrect', 'login_failed')
      if (others !== undefined && samesay) explain(error, others)
      else {
        explain(error)
        if (others !== undefined) terminal.warn(`  ${others}`)
      }
    },
    event: terminal.event,
    codeSent(sent, purpose) {
      terminal.event('code_sent', { purpose, ...sent })
      terminal.note(t('code.sent', { destination: sent.destination }))
    },
    keyWaiting(state, keyName) {
      const key = keyName ?? ''
      const words = {
        plug_in: () => t('key.plug_in'),
        plug_in_again: () => t('key.plug_in_again', { key }),
        touch: () => (key ? t('key.touch_named', { key }) : t('key.touch')),
        touch_again: () => t('key.touch_again', { key }),
      }
      const waiting = terminal.waiting(words[state]())
      return () => waiting.stop()
    },
    keyPassedOver(error, key) {
      const explained = explainError(error, { terminal, server: '', now: clock.now(), verbose: false })
      terminal.warn(t('key.passed_over', { key, reason: explained.message }))
      // What the person can do about this key, and not about the ceremony, which goes on.
      if (['key_no_permission', 'key_needs_administrator'].includes(codeOf(error))) sayNext(explained, terminal)
    },
  }
}
