import type { Queries } from '../domain/ports/store.ts'
import type { Handle } from './handle.ts'
import { accountQueries } from './queries/accounts.ts'
import { auditQueries } from './queries/audit.ts'
import { authenticatorQueries } from './queries/authenticators.ts'
import { bindingQueries } from './queries/bindings.ts'
import { bulkQueries } from './queries/bulk.ts'
import { cleaningQueries } from './queries/cleaning.ts'
import { directoryQueries } from './queries/directory.ts'
import { figureQueries } from './queries/figures.ts'
import { linkQueries, settingQueries } from './queries/links-and-settings.ts'
import { loginQueries, sessionQueries } from './queries/logins-and-sessions.ts'
import { outboxQueries, providerHealthQueries } from './queries/outbox.ts'
import { eventQueries, throttleQueries } from './queries/records.ts'
import { reversalQueries } from './queries/reversals.ts'
import { serviceTokenQueries } from './queries/service-tokens.ts'
import { challengeQueries, codeQueries } from './queries/step-up.ts'
import { wechatAuthorisationQueries } from './queries/wechat-authorisations.ts'

/** All queries, on a database or on a transaction of it. */
export const queriesOn = (db: Handle): Queries => ({
  accounts: accountQueries(db),
  sessions: sessionQueries(db),
  logins: loginQueries(db),
  challenges: challengeQueries(db),
  codes: codeQueries(db),
  bindings: bindingQueries(db),
  wechatAuthorisations: wechatAuthorisationQueries(db),
  authenticators: authenticatorQueries(db),
  throttles: throttleQueries(db),
  events: eventQueries(db),
  outbox: outboxQueries(db),
  figures: figureQueries(db),
  bulk: bulkQueries(db),
  directory: directoryQueries(db),
  serviceTokens: serviceTokenQueries(db),
  audit: auditQueries(db),
  cleaning: cleaningQueries(db),
  providerHealth: providerHealthQueries(db),
  links: linkQueries(db),
  reversals: reversalQueries(db),
  settings: settingQueries(db),
})
