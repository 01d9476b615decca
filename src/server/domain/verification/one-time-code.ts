import type { CodeSent } from '../../../contract/schemas.ts'
import { equalBytes, utf8 } from '../../../lib/bytes.ts'
import { isoTime } from '../../../lib/clock.ts'
import { randomDigits } from '../../../lib/random.ts'
import { codeMessage } from '../../messages/messages.ts'
import type { CodesTable } from '../../store/schema.ts'
import type { Caller, Domain } from '../domain.ts'
import { networkOf } from '../networks.ts'
import type { Channel, Queries } from '../ports/store.ts'
import { Refusal, throttledUntil } from '../refusal.ts'
import { newId } from '../secret-keys.ts'
import { admitAttempt, type Throttled } from '../throttle.ts'

const codeLength = 6

/** Any subject, whichever way its code reaches the person. */
type AnySubject = CodeSubject<Channel | 'wechat'>

/** What a code is for. The code is bound to all of it: it opens nothing else. */
export interface CodeSubject<C extends Channel | 'wechat' = Channel> {
  readonly purpose: 'login' | 'step_up' | 'bind'
  /** The login, challenge or binding. */
  readonly id: string
  readonly accountId: string | null
  readonly accountKey: string
  /** `wechat`: shown to whoever scanned, in the answer to the scan. */
  readonly channel: C
  /** `null`: there is nowhere to send it; everything looks the same, but no code will match. */
  readonly destination: string | null
}

const hashOf = (domain: Pick<Domain, 'keys'>, subject: AnySubject, code: string): string =>
  domain.keys.hashText(
    'code',
    subject.purpose,
    subject.id,
    subject.accountKey,
    subject.channel,
    subject.destination ?? '',
    code,
  )

/**
 * Counts a message against its destination, which several accounts may have codes sent to. Where there is none,
 * something that nobody has is counted, so that it costs the same.
 * @returns false where there have been too many, at a login: a refusal would tell that this account's number is the one
 * to which somebody had that many sent
 * @throws {Refusal} `throttled` otherwise
 */
async function admitDestination(
  { keys, clock }: Pick<Domain, 'keys' | 'clock'>,
  queries: Queries,
  { purpose, accountKey, channel, destination }: CodeSubject,
): Promise<boolean> {
  const parts = destination === null ? ['nowhere', channel, accountKey] : [destination]
  try {
    await admitAttempt(queries, [{ kind: 'send', key: `to:${keys.hashText('throttle', ...parts)}` }], clock.now())
    return true
  } catch (error) {
    if (purpose !== 'login' || !(error instanceof Refusal) || error.code !== 'throttled') throw error
    return false
  }
}

/** Stores the keyed hash of a code, in the caller's transaction; an earlier code of the subject stops working. */
export async function storeCode(
  domain: Pick<Domain, 'keys' | 'clock' | 'random'>,
  queries: Queries,
  subject: AnySubject,
  code: string,
  expiresAt: number,
): Promise<void> {
  await queries.codes.insert({
    id: newId(domain.random),
    account_id: subject.accountId,
    purpose: subject.purpose,
    subject_id: subject.id,
    channel: subject.channel,
    code_hash: hashOf(domain, subject, code),
    sent_at: domain.clock.now(),
    expires_at: expiresAt,
    used_at: null,
    replaced_at: null,
  })
}

/** Whether `code` is the subject's newest one and still to be used. */
export async function isWaitingCode(
  domain: Pick<Domain, 'keys' | 'clock'>,
  queries: Queries,
  subject: AnySubject,
  code: string,
): Promise<boolean> {
  const row = await queries.codes.latest(subject.id, subject.channel)
  if (!row || row.used_at !== null || row.expires_at <= domain.clock.now()) return false
  return matches(domain, subject, row, code)
}

/**
 * Whether somebody delivers to the subject's destination now. At a login nothing may depend on it but whether a message
 * or a decoy is queued, since it would tell that there is a number, and of which country.
 * @throws {Refusal} `method_not_available` where the whole channel is off, for everybody alike; after the person has
 * proven who they are, also where this destination is. Where it is to be bound: `channel_off` in its place, and
 * `phone_country_unserved`.
 */
function isReachable({ outbox }: Pick<Domain, 'outbox'>, { channel, destination, purpose }: CodeSubject): boolean {
  const reach = destination === null ? 'off' : outbox.reach(channel, destination)
  if (purpose === 'bind' && reach === 'unserved') throw new Refusal('phone_country_unserved')
  const off = () => new Refusal(purpose === 'bind' ? 'channel_off' : 'method_not_available')
  if (outbox.reach(channel, null) !== 'available') throw off()
  if (reach === 'available') return true
  if (purpose === 'login' || destination === null) return false
  throw off()
}

/**
 * Makes a code of six digits, stores its keyed hash and puts its message into the outbox, in the caller's transaction;
 * an earlier code of the subject stops working. Call `outbox.wake()` after the commit.
 * @param shown how the destination is named in the answer
 * @throws {Refusal} `throttled` within 60 seconds of the last one, or after too many; `method_not_available`,
 * `channel_off` and `phone_country_unserved` where nobody delivers.
 */
export async function sendCode(
  domain: Domain,
  queries: Queries,
  subject: CodeSubject,
  shown: string,
  caller: Caller,
): Promise<CodeSent> {
  const { clock, random, policy, outbox } = domain
  const reachable = isReachable(domain, subject)
  const now = clock.now()
  const counted: Throttled[] = [
    { kind: 'send', key: `account:${subject.accountKey}:${subject.channel}` },
    // Anybody may begin a login. Whoever has a session is known, and held by what their account may have sent.
    ...(subject.purpose === 'login' ? [{ kind: 'messages' as const, key: networkOf(caller.source) }] : []),
  ]
  await admitAttempt(queries, counted, now)
  // After it was counted: of two that are asked for at the same time, the later one has waited for the earlier.
  const previous = await queries.codes.latest(subject.id, subject.channel)
  const resendAt = (previous?.sent_at ?? Number.NEGATIVE_INFINITY) + policy.resendAfter
  if (resendAt > now) throw throttledUntil(resendAt, now)
  const isAdmitted = await admitDestination(domain, queries, subject)

  const code = randomDigits(random, codeLength)
  const expiresAt = now + policy.codeLifetime
  await storeCode(domain, queries, subject, code, expiresAt)
  // Written for nobody, too: it takes a while.
  const message = codeMessage({ ...subject, destination: subject.destination ?? '' }, code, policy, caller.locale)
  const isSent = subject.destination !== null && reachable && isAdmitted
  const messageId = await outbox.add(queries, isSent ? message : undefined, {
    channel: subject.channel,
    purpose: subject.purpose,
    accountId: subject.accountId,
    notAfter: expiresAt,
  })
  return {
    channel: subject.channel,
    destination: shown,
    expires_at: isoTime(expiresAt),
    resend_at: isoTime(now + policy.resendAfter),
    message_id: messageId,
  }
}

/** What stands for an account at a login, where nobody may tell whether there is one. */
export const loginKey = ({ keys }: Pick<Domain, 'keys'>, usernameKey: string): string =>
  keys.hashText('throttle', usernameKey)

/** Whether `code` is one that was sent to this account for something else. */
async function wasSentForOtherPurpose(domain: Domain, subject: AnySubject, code: string): Promise<boolean> {
  const { store, clock } = domain
  if (!subject.accountId || subject.purpose === 'login') return false
  const account = await store.read.accounts.find(subject.accountId)
  for (const other of await store.read.codes.listOthers(subject.accountId, subject.id, clock.now())) {
    const binding = other.purpose === 'bind' ? await store.read.bindings.find(other.subject_id) : undefined
    const contact = other.channel === 'phone' ? account?.phone_number : account?.email_address
    const destination = other.purpose === 'bind' ? binding?.value : contact
    if (other.channel !== 'phone' && other.channel !== 'email') continue
    if (other.purpose !== 'login' && other.purpose !== 'step_up' && other.purpose !== 'bind') continue
    const otherSubject: CodeSubject = {
      ...subject,
      purpose: other.purpose,
      id: other.subject_id,
      accountKey: other.purpose === 'login' && account ? loginKey(domain, account.username_key) : subject.accountKey,
      channel: other.channel,
      destination: destination ?? null,
    }
    if (matches(domain, otherSubject, other, code)) return true
  }
  return false
}

const matches = (domain: Pick<Domain, 'keys'>, subject: AnySubject, row: CodesTable, code: string): boolean =>
  equalBytes(utf8(row.code_hash), utf8(hashOf(domain, subject, code))) && subject.destination !== null

/**
 * Judges a code and returns how to consume it, in the transaction of what it opens. The attempt is counted first.
 * @throws {Refusal} `code_not_sent`, `code_used`, `code_expired`, `code_other_purpose`, `code_incorrect`; the
 * returned function throws `code_used` to all but the first who call it.
 */
export async function judgeCode(
  domain: Domain,
  subject: AnySubject,
  code: string,
  throttled: readonly Throttled[],
): Promise<(queries: Queries) => Promise<void>> {
  const { store, clock } = domain
  const left = await store.transaction(queries => admitAttempt(queries, throttled, clock.now()))
  const row = await store.read.codes.latest(subject.id, subject.channel)
  if (!row) throw new Refusal('code_not_sent')
  const right = matches(domain, subject, row, code)
  if (row.used_at !== null) throw new Refusal(right ? 'code_used' : 'code_incorrect', { attempts_left: left })
  if (row.expires_at <= clock.now()) throw new Refusal('code_expired', { attempts_left: left })
  if (!right) {
    const other = await wasSentForOtherPurpose(domain, subject, code)
    throw new Refusal(other ? 'code_other_purpose' : 'code_incorrect', { attempts_left: left })
  }
  return async queries => {
    if (!(await queries.codes.use(row.id, clock.now()))) throw new Refusal('code_used')
  }
}
