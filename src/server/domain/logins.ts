import type { VerificationAnswer, VerificationBegun } from '../../contract/logins.ts'
import type { MethodChoice, VerificationMethod } from '../../contract/schemas.ts'
import { isoTime } from '../../lib/clock.ts'
import type { AccountsTable, LoginsTable } from '../store/schema.ts'
import type { Caller, Domain } from './domain.ts'
import { recordEvent } from './events.ts'
import { networkOf } from './networks.ts'
import { Refusal } from './refusal.ts'
import { newId } from './secret-keys.ts'
import { type OpenedSession, openSession } from './sessions.ts'
import { admitAttempt } from './throttle.ts'
import { usernameKey } from './usernames.ts'
import { beginVerification, boundMethods, judgeVerification } from './verification/methods.ts'
import { loginKey } from './verification/one-time-code.ts'
import type { Subject } from './verification/verifier.ts'

export type LoginOutcome =
  | { readonly state: 'second_factor'; readonly methods: MethodChoice[] }
  | ({ readonly state: 'complete' } & OpenedSession)

/** Logins, in which known and unknown user names look and take alike until a first factor is right. */
export interface Logins {
  begin(username: string, caller: Caller): Promise<{ login_id: string; expires_at: string; methods: MethodChoice[] }>
  beginVerification(loginId: string, method: 'email' | 'phone' | 'webauthn', caller: Caller): Promise<VerificationBegun>
  finishVerification(loginId: string, answer: VerificationAnswer, caller: Caller): Promise<LoginOutcome>
}

/** What a login may begin with. The same for everybody, so that it tells nothing. */
const firstMethods = ['password', 'email', 'phone', 'webauthn', 'recovery'] as const satisfies VerificationMethod[]

/** Refusals of a first factor that would tell whether the account exists, or what is bound to it. */
const telling = new Set([
  'password_incorrect',
  'code_incorrect',
  'recovery_code_incorrect',
  'webauthn_credential_unknown',
  'webauthn_signature_invalid',
  // These depend on what was registered.
  'webauthn_signature_malformed',
  'webauthn_backup_eligibility_changed',
  'webauthn_user_handle_mismatch',
])

/**
 * The methods that may follow a right first one, none when it is enough. Where an app or a key is bound, a second
 * factor is asked for; a key that was only touched, and a recovery code, never stand alone where something else is bound.
 */
export function secondFactors(
  bound: readonly MethodChoice[],
  first: VerificationMethod,
  userVerified: boolean,
): MethodChoice[] {
  if (first === 'webauthn') return userVerified ? [] : bound.filter(({ method }) => method !== 'webauthn')
  const strong = bound.filter(({ method }) => method === 'totp' || method === 'webauthn')
  if (strong.length === 0) return []
  return first === 'recovery'
    ? bound.filter(({ method }) => method !== 'recovery')
    : [...strong, ...bound.filter(({ method }) => method === 'recovery')]
}

export function createLogins(domain: Domain): Logins {
  const { store, clock, random, policy } = domain

  async function open(
    loginId: string,
    caller: Caller,
  ): Promise<{ login: LoginsTable; account: AccountsTable | null; subject: Subject }> {
    const login = await store.read.logins.findOpen(loginId, clock.now())
    if (!login) throw new Refusal('login_expired')
    const account = login.account_id ? ((await store.read.accounts.find(login.account_id)) ?? null) : null
    const subject: Subject = {
      purpose: 'login',
      id: login.id,
      account,
      accountKey: loginKey(domain, login.username_key),
      source: caller.source,
      webauthnChallenge: login.webauthn_challenge,
    }
    return { login, account, subject }
  }

  async function allowedMethods(login: LoginsTable, account: AccountsTable | null): Promise<VerificationMethod[]> {
    if (login.first_method === null || !account) return [...firstMethods]
    const bound = await boundMethods(store.read, domain.outbox, account)
    return secondFactors(bound, login.first_method as VerificationMethod, false).map(({ method }) => method)
  }

  /** A wrong factor is one commit more, for known and unknown user names alike. */
  const recordFailure = (account: AccountsTable | null, method: string, caller: Caller) =>
    store.transaction(queries =>
      recordEvent(domain, queries, caller, { accountId: account?.id ?? null, action: 'login_failed', method }),
    )

  return {
    begin: (username, caller) =>
      store.transaction(async queries => {
        const now = clock.now()
        await admitAttempt(queries, [{ kind: 'begin', key: `login:${networkOf(caller.source)}` }], now)
        const key = usernameKey(username)
        const account = await queries.accounts.findByUsernameKey(key)
        const login: LoginsTable = {
          id: newId(random),
          account_id: account?.id ?? null,
          username_key: key,
          first_method: null,
          webauthn_challenge: null,
          created_at: now,
          expires_at: now + policy.loginLifetime,
          completed_at: null,
        }
        await queries.logins.insert(login)
        return {
          login_id: login.id,
          expires_at: isoTime(login.expires_at),
          methods: firstMethods.map(method => ({ method, hint: null })),
        }
      }),

    async beginVerification(loginId, method, caller) {
      const { login, account, subject } = await open(loginId, caller)
      return beginVerification(domain, subject, method, await allowedMethods(login, account), caller)
    },

    async finishVerification(loginId, answer, caller) {
      const { login, account, subject } = await open(loginId, caller)
      const allowed = await allowedMethods(login, account)
      const first = login.first_method === null
      try {
        const verified = await judgeVerification(domain, subject, answer, allowed, caller)
        const bound = account ? await boundMethods(store.read, domain.outbox, account) : []
        const next = first ? secondFactors(bound, answer.method, verified.userVerified) : []
        return await store.transaction(async queries => {
          await verified.apply(queries)
          if (!account) throw new Refusal('login_failed')
          if (account.disabled_at !== null) throw new Refusal('account_disabled')
          if (next.length > 0) {
            if (!(await queries.logins.setFirstMethod(login.id, answer.method))) throw new Refusal('login_expired')
            return { state: 'second_factor' as const, methods: next }
          }
          // The account first: whoever disables it at this moment waits, and then ends the session as well.
          if (!(await queries.accounts.setLocale(account.id, caller.locale))) throw new Refusal('account_disabled')
          if (!(await queries.logins.complete(login.id, clock.now()))) throw new Refusal('login_expired')
          const methods = [login.first_method, answer.method].filter(method => method !== null) as VerificationMethod[]
          const session = await openSession(domain, queries, account, methods, caller)
          await recordEvent(domain, queries, caller, {
            accountId: account.id,
            action: 'login',
            method: methods.join('+'),
            sessionId: session.session_id,
          })
          return { state: 'complete' as const, ...session }
        })
      } catch (error) {
        if (!(error instanceof Refusal) || error.code === 'throttled' || error.code === 'busy') throw error
        await recordFailure(account, answer.method, caller)
        throw first && telling.has(error.code) ? new Refusal('login_failed', error.members) : error
      }
    },
  }
}
