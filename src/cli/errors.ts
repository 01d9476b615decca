import type { UnreachableReason } from '../api/errors.ts'
import { udevCommands } from '../commands/key/udev.ts'
import type { MessageFailure } from '../contract/messages.ts'
import { isoTime } from '../lib/clock.ts'
import { printable } from '../lib/printable.ts'
import type { Terminal } from './context.ts'
import { type ErrorCode, type Exit, exitCodeOf, isErrorCode } from './exit-codes.ts'
import { keyringFaults } from './keyring/fault.ts'
import type { MessageValues } from './messages/catalogue.ts'

const unreachableReasons = [
  'connection_refused',
  'host_unknown',
  'no_route',
  'connection_lost',
  'tls_certificate_expired',
  'tls_certificate_other_host',
  'tls_certificate_untrusted',
  'tls_too_old',
  'proxy_unreachable',
  'proxy_authentication',
  'proxy_refused',
  'proxy_silent',
  'proxy_failed',
] as const satisfies readonly UnreachableReason[]

const messageFailures = [
  'unreachable',
  'uncertain',
  'throttled',
  'refused',
  'misconfigured',
  'expired',
  'lapsed',
] as const satisfies readonly MessageFailure[]

const missingInputs = [
  'username',
  'password',
  'new_password',
  'code',
  'recovery_code',
  'phone_number',
  'email_address',
  'verification_method',
  'session',
  'key',
  'plugged_in_key',
  'current_pin',
  'new_pin',
  'confirmation',
  'reason',
  'file',
  'token_name',
  'token_scopes',
  'token_lifetime',
  'token',
] as const

/** These codes are of any item; a WeChat account is not unbound where a number is. */
const wechatWords = {
  already_bound: { message: 'scan.already_bound', next: 'scan.already_bound_next' },
  bound_elsewhere: { message: 'scan.bound_elsewhere', next: 'scan.bound_elsewhere_next' },
} as const

/** What is said where an error does not know it by itself. */
export interface ErrorSurroundings {
  readonly terminal: Terminal
  readonly server: string
  readonly now: number
  readonly verbose: boolean
}

interface ExplainedError {
  readonly code: string
  readonly exit: Exit
  readonly message: string
  readonly next: string
  /** What `next` has the person run, a line each. */
  readonly commands: readonly string[]
  readonly retryAfterSeconds: number | undefined
}

const member = (error: unknown, name: string): unknown =>
  typeof error === 'object' && error !== null && name in error ? (error as Record<string, unknown>)[name] : undefined

/** Why a message failed; nothing for other errors. */
function failureWords(error: unknown, { t }: Terminal): string {
  if (codeOf(error) !== 'message_failed') return ''
  const failure = member(error, 'failure')
  return t(`message_failure.${messageFailures.find(each => each === failure) ?? 'other'}`)
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** When to try again, as people say it. */
function whenOf(seconds: number | undefined, { t }: Terminal): string {
  if (seconds === undefined || seconds <= 0) return t('when.soon')
  return seconds < 120 ? t('when.seconds', { count: seconds }) : t('when.minutes', { count: Math.ceil(seconds / 60) })
}

/** The stable code of any error: its own, or `bug`. Errors are told by their `code`, so that none has to be loaded. */
export function codeOf(error: unknown): string {
  const code = textOf(member(error, 'code'))
  const name = textOf(member(error, 'name'))
  if (isErrorCode(code)) return code
  return name === 'ApiError' && code ? code : 'bug'
}

/** Why a server cannot be reached; nothing where there is more to say than the reason says. */
function unreachableWords(error: unknown, { t }: Terminal): string {
  const reason = member(error, 'reason')
  const known = unreachableReasons.find(each => each === reason)
  const [issuer, proxy] = [textOf(member(error, 'issuer')), textOf(member(error, 'proxy'))]
  if (known === 'tls_certificate_untrusted' && issuer) return t('unreachable.tls_issuer_untrusted', { issuer })
  return known ? t(`unreachable.${known}`, { proxy }) : ''
}

/** What to do about the way to a server; nothing where the usual words fit. */
function unreachableNext(error: unknown, { t }: Terminal): string | undefined {
  const reason = member(error, 'reason')
  if (reason === 'tls_certificate_untrusted') return t('unreachable.next_untrusted')
  if (reason === 'tls_too_old') return t('unreachable.next_too_old')
  if (reason === 'proxy_authentication') return t('unreachable.next_proxy_authentication')
  return typeof reason === 'string' && reason.startsWith('proxy_') ? t('unreachable.next_proxy') : undefined
}

/** The keyring and why it cannot be used, in words of the person's language. */
function keyringWords(error: unknown, { t }: Terminal): MessageValues {
  if (codeOf(error) !== 'keyring_unavailable') return {}
  const fault = keyringFaults.find(each => each === member(member(error, 'values'), 'fault'))
  return { reason: t(`keyring.${fault ?? 'failed'}`) }
}

/** The stable word for why, where an error has one. */
const reasonOf = (error: unknown): string =>
  textOf(member(error, 'reason')) || textOf(member(member(error, 'values'), 'fault'))

function missingWords(error: unknown, { t }: Terminal): string {
  const missing = member(error, 'missing')
  return t(`missing.${missingInputs.find(each => each === missing) ?? 'other'}`)
}

/** How many more wrong PINs the key takes, where it said so. */
function triesLeft(details: unknown): { count?: number } {
  const left = member(details, 'retriesLeft')
  return typeof left === 'number' ? { count: left } : {}
}

const fileChanges = ['replaced', 'shrank', 'grew', 'changed'] as const

/** What a file of rebindings has to do with, in words of the person's language. */
function bulkWords(values: unknown, { t }: Terminal): MessageValues {
  const [how, meant] = [textOf(member(values, 'how')), textOf(member(values, 'meant'))]
  const change = fileChanges.find(each => each === how)
  return {
    suggestion: meant === '' ? '' : t('usage.did_you_mean', { what: meant }),
    ...(change ? { how: t(`bulk.how.${change}`) } : {}),
  }
}

function valuesOf(error: unknown, around: ErrorSurroundings): MessageValues {
  const { terminal, server, now } = around
  const seconds = member(error, 'retryAfterSeconds')
  const details = member(error, 'details')
  const options = member(error, 'options')
  const values = member(error, 'values')
  return {
    server,
    time: isoTime(now),
    when: whenOf(typeof seconds === 'number' ? seconds : undefined, terminal),
    detail: unreachableWords(error, terminal) || textOf(member(error, 'detail')) || textOf(member(error, 'message')),
    reason: failureWords(error, terminal) || textOf(member(error, 'message')),
    device: textOf(member(details, 'device')),
    ...triesLeft(details),
    proxy: textOf(member(error, 'proxy')),
    rpId: textOf(member(error, 'rpId')),
    available: '',
    missing: missingWords(error, terminal),
    option: Array.isArray(options) ? options.join(terminal.t('list.or')) : '',
    ...(typeof values === 'object' && values !== null ? (values as MessageValues) : {}),
    ...bulkWords(values, terminal),
    ...keyringWords(error, terminal),
  }
}

/** What an admin is to do, where that is not what the owner of an account would; nothing for other errors. */
function adminNext(error: unknown, { t }: Terminal): string | undefined {
  const code = codeOf(error)
  if (code === 'service_scope_missing') {
    const scope = member(member(error, 'problem'), 'scope')
    if (typeof scope === 'string') return t('next.scope_missing', { scope })
    return scope === null ? t('next.no_token_serves') : undefined
  }
  if (member(error, 'about') !== 'admin') return undefined
  if (code === 'not_logged_in') return t('next.no_authority')
  return code === 'account_disabled' ? t('next.enable_first') : undefined
}

/** The words for an error, its code and its exit code. */
export function explainError(error: unknown, around: ErrorSurroundings): ExplainedError {
  const { t } = around.terminal
  const code = codeOf(error)
  const status = member(error, 'status')
  const seconds = member(error, 'retryAfterSeconds')
  const retryAfterSeconds = typeof seconds === 'number' ? seconds : undefined
  const exit = exitCodeOf(code, typeof status === 'number' ? status : undefined)
  const values = valuesOf(error, around)
  if (!isErrorCode(code)) {
    const detail = textOf(member(error, 'detail'))
    const known: ErrorCode = 'invalid_request'
    const message = `${detail} (${code})`
    return { code, exit, message, next: t(`next.${known}`, values), commands: [], retryAfterSeconds }
  }
  const rule = textOf(member(member(error, 'details'), 'udevRule'))
  const commands = rule === '' ? [] : udevCommands([rule])
  // Only Linux has a rule to tell.
  const isElsewhere = code === 'key_no_permission' && rule === ''
  const usual = isElsewhere ? t('keys.allow_elsewhere') : t(`next.${code}`, values)
  const next = adminNext(error, around.terminal) ?? unreachableNext(error, around.terminal) ?? usual
  const said = code === 'usage_invalid' ? textOf(member(error, 'words')) : ''
  const isWeChat = (code === 'already_bound' || code === 'bound_elsewhere') && member(error, 'about') === 'wechat'
  if (isWeChat) {
    const { message, next } = wechatWords[code]
    return { code, exit, message: t(message), next: t(next), commands, retryAfterSeconds }
  }
  return { code, exit, message: said || t(`error.${code}`, values), next, commands, retryAfterSeconds }
}

const stackOf = (error: Error): string => (error.stack ?? error.message).split('\n').map(printable).join('\n  ')

/** Says what to do about an error; commands stay whole, to be copied. */
export function sayNext({ next, commands }: Pick<ExplainedError, 'next' | 'commands'>, terminal: Terminal): void {
  terminal.warn(`  ${printable(next)}`)
  for (const command of commands) terminal.warnWhole(printable(command))
}

/** Says an error to people, without ending anything. */
export function sayError(error: unknown, around: ErrorSurroundings, next?: string): ExplainedError {
  const { terminal } = around
  const usual = explainError(error, around)
  const explained = next === undefined ? usual : { ...usual, next }
  const mark = explained.exit === 130 ? '' : `${terminal.paint('bad', '✗')} `
  terminal.warn(`${mark}${printable(explained.message)}`)
  sayNext(explained, terminal)
  if (around.verbose && error instanceof Error) terminal.warn(`  [${explained.code}] ${stackOf(error)}`)
  return explained
}

/** The one end of every failed run: words on stderr, the `error` event with `--json`, and the exit code. */
export function reportError(error: unknown, around: ErrorSurroundings): Exit {
  const { code, exit, message, next, commands, retryAfterSeconds } = sayError(error, around)
  const { count } = triesLeft(member(error, 'details'))
  const reason = code === 'server_unreachable' || code === 'keyring_unavailable' ? reasonOf(error) : ''
  around.terminal.event('error', {
    code,
    message,
    next: [next, ...commands].join('\n'),
    exit_code: exit,
    ...(retryAfterSeconds === undefined ? {} : { retry_after_seconds: retryAfterSeconds }),
    ...(count === undefined ? {} : { tries_left: count }),
    ...(reason === '' ? {} : { reason }),
    ...(code === 'input_required' ? { options: member(error, 'options') } : {}),
  })
  return exit
}
