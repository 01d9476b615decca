import type { FastifyInstance } from 'fastify'
import * as accounts from '../../contract/admin.ts'
import { listAudit } from '../../contract/admin-audit.ts'
import * as tokens from '../../contract/admin-tokens.ts'
import { listAuditEvents } from '../domain/admin/audit.ts'
import type { Services } from '../domain/services.ts'
import { serveOperation } from './serve-operation.ts'

/** Serves what admins do with accounts, service tokens and the audit. */
export function serveAdmin(app: FastifyInstance, services: Services): void {
  const { adminAccounts, serviceTokens, domain } = services
  serveOperation(app, services, accounts.createAccount, ({ actor, body }) => adminAccounts.create(actor, body))
  serveOperation(app, services, accounts.listAccounts, ({ query }) => adminAccounts.list(query))
  serveOperation(app, services, accounts.showAccount, ({ params }) => adminAccounts.show(params.username))
  serveOperation(app, services, accounts.disableAccount, ({ actor, params }) =>
    adminAccounts.disable(actor, params.username),
  )
  serveOperation(app, services, accounts.enableAccount, ({ actor, params }) =>
    adminAccounts.enable(actor, params.username),
  )
  serveOperation(app, services, accounts.resetLink, ({ actor, params }) =>
    adminAccounts.resetLink(actor, params.username),
  )
  serveOperation(app, services, tokens.createToken, ({ actor, body }) => serviceTokens.create(actor, body))
  serveOperation(app, services, tokens.listTokens, ({ query }) => serviceTokens.list(query))
  serveOperation(app, services, tokens.revokeToken, ({ actor, params }) => serviceTokens.revoke(actor, params.token_id))
  serveOperation(app, services, listAudit, ({ query }) => listAuditEvents(domain, query))
}
