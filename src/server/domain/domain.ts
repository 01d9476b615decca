import type { X509Certificate } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { AccountsTable, SessionsTable } from '../store/schema.ts'
import type { Outbox } from './outbox.ts'
import type { PasswordHashing } from './passwords/password-hashing.ts'
import type { Counters } from './ports/counters.ts'
import type { ReceiptReader } from './ports/receipts.ts'
import type { Store } from './ports/store.ts'
import type { WebAuthorisation } from './ports/web-authorisation.ts'
import type { WeChat } from './ports/wechat.ts'
import type { SecretKeys } from './secret-keys.ts'

export type Locale = 'en' | 'zh-CN'

/** The language of an account's people; the column holds nothing but these. */
export const localeOf = ({ locale }: Pick<AccountsTable, 'locale'>): Locale => (locale === 'zh-CN' ? 'zh-CN' : 'en')

/** What is asked of security keys. */
export interface WebAuthnPolicy {
  /** What keys are asked to say of their make (WebAuthn section 5.4.7). */
  readonly attestation: 'none' | 'indirect' | 'direct' | 'enterprise'
  /** Where given, only keys whose attestation leads to one of these are bound. */
  readonly trustedRoots: readonly X509Certificate[] | undefined
  readonly userVerification: 'required' | 'preferred' | 'discouraged'
  /** AAGUIDs in lower case: where given, keys of other models are not bound. */
  readonly allowedAaguids: readonly string[] | undefined
  /** Keys of these models are not bound. */
  readonly deniedAaguids: readonly string[]
  /** Origins of pages that may hold a frame in which a ceremony runs. */
  readonly topOrigins: readonly string[]
}

/** Settings that the rules depend on. Times are in milliseconds. */
export interface Policy {
  /** What people know the service as: in TOTP apps, in messages. */
  readonly serviceName: string
  readonly rpId: string
  /** Origins whose ceremonies count; the first is where people reach this server. */
  readonly origins: readonly string[]
  readonly webauthn: WebAuthnPolicy
  readonly minimumPasswordLength: number
  readonly codeLifetime: number
  readonly resendAfter: number
  readonly loginLifetime: number
  readonly challengeLifetime: number
  readonly proofLifetime: number
  readonly bindingLifetime: number
  readonly qrLifetime: number
  readonly sessionIdleLifetime: number
  readonly sessionLifetime: number
  readonly linkLifetime: number
  /** How long a link undoes the change of a number or address. */
  readonly reversalLifetime: number
  /** Country calling codes are free; numbers without one are read as this region's. */
  readonly defaultRegion: 'CN'
}

const minute = 60_000
const day = 24 * 60 * minute

export const defaultPolicy = {
  serviceName: 'hufu',
  webauthn: {
    attestation: 'none',
    trustedRoots: undefined,
    userVerification: 'preferred',
    allowedAaguids: undefined,
    deniedAaguids: [],
    topOrigins: [],
  },
  minimumPasswordLength: 6,
  codeLifetime: 10 * minute,
  resendAfter: minute,
  loginLifetime: 10 * minute,
  challengeLifetime: 10 * minute,
  proofLifetime: 5 * minute,
  bindingLifetime: 15 * minute,
  qrLifetime: 5 * minute,
  sessionIdleLifetime: 7 * day,
  sessionLifetime: 30 * day,
  linkLifetime: 2 * day,
  reversalLifetime: 3 * day,
  defaultRegion: 'CN',
} as const satisfies Partial<Policy>

/** What every service of the domain works with. */
export interface Domain {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly keys: SecretKeys
  readonly hashing: PasswordHashing
  readonly outbox: Outbox
  readonly policy: Policy
  readonly wechat: WeChat | undefined
  /** Where given, a WeChat account is bound by web authorisation, and `wechat` is not used. */
  readonly webAuthorisation: WebAuthorisation | undefined
  /** Whether whoever binds a WeChat account, in either way, is to have a code typed in where the QR code was shown. */
  readonly confirmByCode: boolean
  readonly counters: Counters
  /** One for each provider whose receipts are taken. */
  readonly receiptReaders: readonly ReceiptReader[]
}

/** Who is asking, as the connection tells. */
export interface Caller {
  /** The address that the request came from. */
  readonly source: string
  /** The `User-Agent`, printable and cut to 120 characters. */
  readonly client: string
  readonly locale: Locale
}

/** A caller with a session. */
export interface Member extends Caller {
  readonly session: SessionsTable
  readonly account: AccountsTable
}

/** Whoever works as an admin: a person with that role, or a script with a token. */
export type Actor =
  | (Member & {
      readonly kind: 'person'
      /** The step-up proof that came with the request. */
      readonly proof: string | undefined
    })
  | (Caller & {
      readonly kind: 'token'
      readonly token: {
        readonly id: string
        readonly name: string
        readonly scopes: readonly string[]
        /** The account of the admin who made it; `null` where the server did. */
        readonly createdBy: string | null
      }
    })
