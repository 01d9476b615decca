import { ApiError } from '../../api/errors.ts'
import type { CodeSent } from '../../contract/schemas.ts'
import { whileUnderWay } from '../message-watch.ts'
import type { AnswerWith, Verification } from './method.ts'

async function send(verification: Verification, method: 'email' | 'phone'): Promise<CodeSent> {
  const begun = await verification.begin(method)
  if (begun.method !== method || !('code' in begun)) {
    throw new ApiError('answer_malformed', { detail: `The server was asked for ${method} and began ${begun.method}.` })
  }
  verification.sent.set(method, begun.code)
  verification.interaction.codeSent(begun.code, verification.purpose)
  return begun.code
}

/** A code that the server sends by mail or to the phone, unless one is still under way. */
const answerWithCode =
  (method: 'email' | 'phone'): AnswerWith =>
  async verification => {
    const { interaction, purpose } = verification
    const sent = verification.sent.get(method) ?? (await send(verification, method))
    const request = { purpose, channel: method, destination: sent.destination } as const
    const code = await whileUnderWay(
      verification,
      sent,
      () => send(verification, method),
      (stop, resend) => interaction.code(request, sent, resend, stop),
    )
    return { method, code }
  }

export const answerWithEmailCode = answerWithCode('email')
export const answerWithPhoneCode = answerWithCode('phone')
