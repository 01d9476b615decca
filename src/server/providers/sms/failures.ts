import { DeliveryError, type DeliveryFailure, type MessageProviderName } from '../../domain/ports/delivery-error.ts'
import { untilMidnightInChina } from './answers.ts'

/**
 * What an error code of a provider says:
 * - `configuration`: credentials, balance, permissions, the clock
 * - `template`: the signature or the template, or what fills it. The fill of a code message is always of the same shape,
 *   so that only the operator can be to blame. In a notice it holds what a person chose, and its template is another
 *   one: no account's name, and no flaw of the notice template, may turn off the codes of everybody
 * - `content`: what fills the template
 * - `number`: the destination
 * - `unsent`: a passing fault, and certainly not sent
 * - `unsure`: a fault, or a code that is not documented; it may have been sent
 * - `second`, `half minute`, `minute`, `hour`, `day`, `limit`: a limit, with its period where that is known
 */
export type Meaning =
  | 'configuration'
  | 'template'
  | 'content'
  | 'number'
  | 'unsent'
  | 'unsure'
  | 'second'
  | 'half minute'
  | 'minute'
  | 'hour'
  | 'day'
  | 'limit'

/** What error codes mean: by the whole code, or by its first word, which tells the kind of an error. */
export type Meanings = Readonly<Record<string, Meaning>>

/** What `code` means; `unsure` where neither it nor its first word has an entry. */
export function meaningIn(meanings: Meanings, code: string): Meaning {
  const [kind = ''] = code.split('.')
  const entry = [code, kind].find(key => Object.hasOwn(meanings, key))
  return (entry === undefined ? undefined : meanings[entry]) ?? 'unsure'
}

/**
 * What a call is for: a message with a code, one without, or a question to the provider. Outside of mainland China
 * other templates and signatures are approved than inside, which one who may choose a number must not make look broken.
 */
export type Purpose = 'code' | 'code abroad' | 'notice' | 'check'

const failures: Readonly<Partial<Record<Meaning, { readonly failure: DeliveryFailure; readonly advice: string }>>> = {
  configuration: { failure: 'misconfigured', advice: 'see to the account, its credentials and its balance' },
  template: { failure: 'misconfigured', advice: 'see to the signature and the template' },
  content: { failure: 'refused', advice: 'it does not take what the message says' },
  number: { failure: 'refused', advice: 'it does not deliver to this number' },
  unsent: { failure: 'unreachable', advice: 'a passing fault of the provider' },
  unsure: { failure: 'uncertain', advice: 'whether it was sent is not known' },
}

const periods: Readonly<Partial<Record<Meaning, number>>> = {
  second: 1_000,
  'half minute': 30_000,
  minute: 60_000,
  hour: 60 * 60_000,
}

/**
 * The error for an answer that was understood.
 * @param answer says which call was answered with what: fixed words and the provider's error code alone
 * @param now milliseconds since the Unix epoch
 */
export function failureFor(
  provider: MessageProviderName,
  meaning: Meaning,
  purpose: Purpose,
  answer: string,
  now: number,
): DeliveryError {
  const known = failures[meaning]
  if (known === undefined) {
    const retryAfter = meaning === 'day' ? untilMidnightInChina(now) : periods[meaning]
    return new DeliveryError('throttled', provider, `${answer}: a limit is reached`, retryAfter)
  }
  return new DeliveryError(failureOf(meaning, known.failure, purpose), provider, `${answer}: ${known.advice}`)
}

function failureOf(meaning: Meaning, failure: DeliveryFailure, purpose: Purpose): DeliveryFailure {
  if ((purpose === 'notice' || purpose === 'code abroad') && meaning === 'template') return 'refused'
  if (purpose === 'check' && meaning === 'unsure') return 'unreachable'
  return failure
}
