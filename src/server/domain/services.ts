import { type Accounts, createAccounts } from './accounts.ts'
import { type AdminAccounts, createAdminAccounts } from './admin/admin-accounts.ts'
import { createServiceTokens, type ServiceTokens } from './admin/service-tokens.ts'
import { type ContactBindings, createContactBindings } from './bindings/contact-bindings.ts'
import { createTotpBindings, type TotpBindings } from './bindings/totp-bindings.ts'
import { createUnbinding, type Unbinding } from './bindings/unbinding.ts'
import { createWebAuthnBindings, type WebAuthnBindings } from './bindings/webauthn-bindings.ts'
import { createWeChatAuthorisations, type WeChatAuthorisations } from './bindings/wechat-authorisation.ts'
import { createWeChatBindings, type WeChatBindings } from './bindings/wechat-bindings.ts'
import { createRebinding, type Rebinding } from './bulk/rebinding.ts'
import { createRuns, type Runs } from './bulk/runs.ts'
import { createUndoing, type Undoing } from './bulk/undoing.ts'
import { type Credentials, createCredentials } from './credentials.ts'
import { createReceipts, type Receipts } from './delivery/receipts.ts'
import type { Domain } from './domain.ts'
import { createEnrolments, type Enrolments } from './enrolments.ts'
import { createLogins, type Logins } from './logins.ts'
import { createReversals, type Reversals } from './reversals.ts'
import { createSessions, type Sessions } from './sessions.ts'
import { createStepUps, type StepUps } from './step-up.ts'

/** Everything that the routes call. */
export interface Services {
  readonly domain: Domain
  readonly accounts: Accounts
  readonly logins: Logins
  readonly sessions: Sessions
  readonly enrolments: Enrolments
  readonly stepUps: StepUps
  readonly credentials: Credentials
  readonly contactBindings: ContactBindings
  readonly totpBindings: TotpBindings
  readonly wechatBindings: WeChatBindings
  readonly wechatAuthorisations: WeChatAuthorisations
  readonly webauthnBindings: WebAuthnBindings
  readonly unbinding: Unbinding
  readonly receipts: Receipts
  readonly reversals: Reversals
  readonly runs: Runs
  readonly rebinding: Rebinding
  readonly undoing: Undoing
  readonly adminAccounts: AdminAccounts
  readonly serviceTokens: ServiceTokens
}

export function createServices(domain: Domain): Services {
  const stepUps = createStepUps(domain)
  const runs = createRuns(domain, stepUps)
  return {
    domain,
    accounts: createAccounts(domain),
    logins: createLogins(domain),
    sessions: createSessions(domain),
    enrolments: createEnrolments(domain),
    stepUps,
    credentials: createCredentials(domain, stepUps),
    contactBindings: createContactBindings(domain, stepUps),
    totpBindings: createTotpBindings(domain, stepUps),
    wechatBindings: createWeChatBindings(domain, stepUps),
    wechatAuthorisations: createWeChatAuthorisations(domain, stepUps),
    webauthnBindings: createWebAuthnBindings(domain, stepUps),
    unbinding: createUnbinding(domain, stepUps),
    receipts: createReceipts(domain),
    reversals: createReversals(domain),
    runs,
    rebinding: createRebinding(domain, runs),
    undoing: createUndoing(domain, runs),
    adminAccounts: createAdminAccounts(domain, stepUps),
    serviceTokens: createServiceTokens(domain, stepUps),
  }
}
