import type { FastifyInstance } from 'fastify'
import * as account from '../../contract/account.ts'
import * as bindings from '../../contract/bindings.ts'
import * as credentials from '../../contract/credentials.ts'
import * as enrolments from '../../contract/enrolments.ts'
import * as logins from '../../contract/logins.ts'
import * as messages from '../../contract/messages.ts'
import * as server from '../../contract/server.ts'
import * as sessions from '../../contract/sessions.ts'
import * as stepUp from '../../contract/step-up.ts'
import { isoTime } from '../../lib/clock.ts'
import { cancelPending, findOpenBinding } from '../domain/bindings/pending-binding.ts'
import { listMessages, readMessage } from '../domain/delivery/message-status.ts'
import { listEvents, readOverview } from '../domain/overview.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Services } from '../domain/services.ts'
import { serveAdmin } from './admin.ts'
import { serveRebind } from './rebind.ts'
import { serveOperation } from './serve-operation.ts'

/** Serves every operation of the contract. A test holds the contract against what is served. */
export function serveContract(app: FastifyInstance, services: Services): void {
  serveServer(app, services)
  serveLogins(app, services)
  serveAccount(app, services)
  serveStepUp(app, services)
  serveBindings(app, services)
  serveUnbinding(app, services)
  serveMessages(app, services)
  serveAdmin(app, services)
  serveRebind(app, services)
}

function serveServer(app: FastifyInstance, services: Services): void {
  serveOperation(app, services, server.readLiveness, async () => ({ status: 'ok' as const }))
  serveOperation(app, services, server.readHealth, async () => {
    await services.domain.store.ping().catch(() => {
      throw new Refusal('busy', { retry_after: 1 })
    })
    return { status: 'ok' as const, time: isoTime(services.domain.clock.now()) }
  })
}

function serveLogins(app: FastifyInstance, services: Services): void {
  serveOperation(app, services, logins.beginLogin, ({ body, caller }) => services.logins.begin(body.username, caller))
  serveOperation(app, services, logins.beginLoginVerification, ({ params, body, caller }) =>
    services.logins.beginVerification(params.login_id, body.method, caller),
  )
  serveOperation(app, services, logins.finishLoginVerification, ({ params, body, caller }) =>
    services.logins.finishVerification(params.login_id, body, caller),
  )
}

function serveAccount(app: FastifyInstance, services: Services): void {
  serveOperation(app, services, account.readOverview, ({ member }) => readOverview(services.domain, member))
  serveOperation(app, services, account.listEvents, ({ member, query }) => listEvents(services.domain, member, query))
  serveOperation(app, services, sessions.listSessions, async ({ member }) => ({
    sessions: await services.sessions.list(member),
  }))
  serveOperation(app, services, sessions.revokeSession, async ({ member, params }) => ({
    revoked: await services.sessions.revoke(member, params.session_id),
  }))
  serveOperation(app, services, sessions.revokeSessions, async ({ member, query }) => ({
    revoked: await services.sessions.revokeMany(member, query.which),
  }))
  serveOperation(app, services, credentials.changePassword, ({ member, proof, body }) =>
    services.credentials.changePassword(member, proof, body.new_password),
  )
  serveOperation(app, services, credentials.createRecoveryCodes, ({ member, proof }) =>
    services.credentials.createRecoveryCodes(member, proof),
  )
  serveOperation(app, services, credentials.redeemEnrolmentLink, ({ caller, body }) =>
    services.credentials.redeemEnrolmentLink(caller, body.link_secret, body.new_password),
  )
  serveOperation(app, services, enrolments.openEnrolment, ({ caller, body }) =>
    services.enrolments.open(caller, body.link_secret, body.purpose),
  )
}

function serveStepUp(app: FastifyInstance, services: Services): void {
  serveOperation(app, services, stepUp.createChallenge, ({ member, body }) =>
    services.stepUps.createChallenge(member, body.operation, body.value),
  )
  serveOperation(app, services, stepUp.beginVerification, ({ member, params, body }) =>
    services.stepUps.beginVerification(member, params.challenge_id, body.method),
  )
  serveOperation(app, services, stepUp.finishVerification, ({ member, params, body }) =>
    services.stepUps.finishVerification(member, params.challenge_id, body),
  )
}

function serveBindings(app: FastifyInstance, services: Services): void {
  const { contactBindings, totpBindings, wechatBindings, webauthnBindings } = services
  serveOperation(app, services, bindings.beginPhoneBinding, ({ member, proof, body }) =>
    contactBindings.begin(member, proof, 'phone', body.phone_number),
  )
  serveOperation(app, services, bindings.beginEmailBinding, ({ member, proof, body }) =>
    contactBindings.begin(member, proof, 'email', body.email_address),
  )
  serveOperation(app, services, bindings.resendBindingCode, ({ member, params }) =>
    contactBindings.resend(member, params.binding_id),
  )
  serveOperation(app, services, bindings.cancelBinding, async ({ member, params }) => ({
    cancelled: await cancelPending(services.domain, member, params.binding_id),
  }))
  serveOperation(app, services, bindings.beginTotpBinding, ({ member, proof }) => totpBindings.begin(member, proof))
  serveOperation(app, services, bindings.finishCodeBinding, async ({ member, params, body }) => {
    const binding = await findOpenBinding(services.domain, member, params.binding_id, [
      'phone',
      'email',
      'totp',
      'wechat',
    ])
    const { item } = binding
    if (item === 'phone' || item === 'email') {
      return contactBindings.finish(member, { ...binding, item }, body.code)
    }
    if (item === 'wechat') return wechatBindings.finish(member, binding, body.code)
    return totpBindings.finish(member, binding, body.code)
  })
  serveOperation(app, services, bindings.beginWeChatBinding, ({ member, proof }) => wechatBindings.begin(member, proof))
  serveOperation(app, services, bindings.readWeChatBinding, ({ member, params }) =>
    wechatBindings.read(member, params.binding_id),
  )
  serveOperation(app, services, bindings.renewWeChatQr, ({ member, params }) =>
    wechatBindings.renew(member, params.binding_id),
  )
  serveOperation(app, services, bindings.beginWebAuthnBinding, ({ member, proof, body }) =>
    webauthnBindings.begin(member, proof, body.key_name),
  )
  serveOperation(app, services, bindings.finishWebAuthnBinding, ({ member, params, body }) =>
    webauthnBindings.finish(member, params.binding_id, body.credential),
  )
}

function serveUnbinding(app: FastifyInstance, services: Services): void {
  const { unbinding } = services
  serveOperation(app, services, bindings.unbindPhone, ({ member, proof }) => unbinding.unbind(member, proof, 'phone'))
  serveOperation(app, services, bindings.unbindEmail, ({ member, proof }) => unbinding.unbind(member, proof, 'email'))
  serveOperation(app, services, bindings.unbindTotp, ({ member, proof }) => unbinding.unbind(member, proof, 'totp'))
  serveOperation(app, services, bindings.unbindWeChat, ({ member, proof }) => unbinding.unbind(member, proof, 'wechat'))
  serveOperation(app, services, bindings.unbindWebAuthn, ({ member, proof, params }) =>
    unbinding.unbindKey(member, proof, params.key_id),
  )
}

function serveMessages(app: FastifyInstance, services: Services): void {
  const { domain } = services
  serveOperation(app, services, messages.readMessage, ({ params }) => readMessage(domain, params.message_id))
  serveOperation(app, services, messages.listMessages, ({ query }) => listMessages(domain, query))
}
