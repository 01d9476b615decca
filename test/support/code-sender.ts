import type { ApiClient } from '../../src/api/client.ts'
import { beginEmailBinding, beginPhoneBinding, beginWeChatBinding } from '../../src/contract/bindings.ts'
import { listMessages } from '../../src/contract/messages.ts'
import type { AnswerOf } from '../../src/contract/operation.ts'
import type { StepUpOperation } from '../../src/contract/schemas.ts'
import { apiClient, logInByPassword, prove } from './api-member.ts'
import type { ConfiguredHufud } from './configured-hufud.ts'
import { Person } from './person.ts'

export type ListedMessage = AnswerOf<typeof listMessages>['messages'][number]

/** Somebody who has codes sent to numbers and addresses of their own choice. At most 20: then they have to wait. */
export interface CodeSender {
  readonly api: ApiClient
  /** Begins to bind `to`; returns the id of the message with the code. */
  send(to: string): Promise<string>
  beginWeChat(): Promise<string>
}

export async function openCodeSender(server: ConfiguredHufud): Promise<CodeSender> {
  const { username, password } = await Person.enrol(server)
  const api = await logInByPassword(server.url, username, password)
  const proofs = new Map<StepUpOperation, Promise<string>>()
  /** One serves until something is bound. */
  const proofFor = (operation: StepUpOperation): Promise<string> => {
    const proof = proofs.get(operation) ?? prove(api, operation, { method: 'password', password })
    proofs.set(operation, proof)
    return proof
  }
  return {
    api,
    async send(to) {
      if (to.includes('@')) {
        const proof = await proofFor('email.bind')
        return (await api.call(beginEmailBinding, { body: { email_address: to }, proof })).code.message_id
      }
      const proof = await proofFor('phone.bind')
      return (await api.call(beginPhoneBinding, { body: { phone_number: to }, proof })).code.message_id
    },
    async beginWeChat() {
      const { qr } = await api.call(beginWeChatBinding, { proof: await proofFor('wechat.bind') })
      return qr.payload
    },
  }
}

/** What the operator sees: messages by their ids, and the providers that don't work. */
export async function operatorsView(server: ConfiguredHufud) {
  const api = apiClient(server.url, { serviceCredential: server.adminToken })
  try {
    const { messages, providers } = await api.call(listMessages, { query: { limit: 200 } })
    return { messages: new Map(messages.map(message => [message.id, message])), providers }
  } finally {
    await api.close()
  }
}
