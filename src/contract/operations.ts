import * as account from './account.ts'
import * as admin from './admin.ts'
import * as adminAudit from './admin-audit.ts'
import * as adminTokens from './admin-tokens.ts'
import * as bindings from './bindings.ts'
import * as credentials from './credentials.ts'
import * as enrolments from './enrolments.ts'
import * as logins from './logins.ts'
import * as messages from './messages.ts'
import type { Operation } from './operation.ts'
import * as rebind from './rebind.ts'
import * as server from './server.ts'
import * as sessions from './sessions.ts'
import * as stepUp from './step-up.ts'

const isOperation = (value: unknown): value is Operation =>
  typeof value === 'object' && value !== null && 'url' in value && 'access' in value

/** Every operation of the API, by its id. */
export const operations: readonly Operation[] = [
  logins,
  sessions,
  account,
  stepUp,
  credentials,
  bindings,
  messages,
  enrolments,
  admin,
  adminTokens,
  adminAudit,
  rebind,
  server,
].flatMap(resource => Object.values(resource).filter(isOperation))
