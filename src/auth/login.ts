import { ApiError, isApiError } from '../api/errors.ts'
import {
  beginLogin,
  beginLoginVerification,
  finishLoginVerification,
  type VerificationAnswer,
} from '../contract/logins.ts'
import type { AnswerOf } from '../contract/operation.ts'
import type { BegunMethod } from './methods/method.ts'
import type { StepUpTools } from './step-up.ts'
import { verify } from './verification.ts'

export interface LoginSession {
  readonly username: string
  readonly sessionId: string
  readonly sessionSecret: string
  /** ISO 8601. */
  readonly expiresAt: string
}

type LoginBegun = AnswerOf<typeof beginLogin>

/** The first factor, then the second where one is bound. */
async function proveBoth(begun: LoginBegun, tools: StepUpTools): Promise<LoginSession> {
  const { api } = tools
  const params = { login_id: begun.login_id }
  const steps = {
    purpose: 'login',
    begin: (method: BegunMethod) => api.call(beginLoginVerification, { params, body: { method } }),
    finish: (answer: VerificationAnswer) => api.call(finishLoginVerification, { params, body: answer }),
  } as const
  const first = await verify(steps, begun.methods, 'login', tools)
  const last = first.state === 'second_factor' ? await verify(steps, first.methods, 'second_factor', tools) : first
  if (last.state !== 'complete') throw new ApiError('answer_malformed', { detail: 'The server wants a third factor.' })
  return {
    username: last.username,
    sessionId: last.session_id,
    sessionSecret: last.session_secret,
    expiresAt: last.expires_at,
  }
}

/**
 * Logs `username` in, and has `tools.api` use the session from then on. A login that expires while the person is
 * thinking is begun again, where somebody is there to answer again.
 * @throws {ApiError} `login_failed`, `account_disabled`, `throttled`, the refusal of the last answer
 * @throws {CancelledError} on Ctrl-C
 * @throws {InputRequiredError} when nobody may be asked
 */
export async function logIn(username: string, tools: StepUpTools): Promise<LoginSession> {
  const { api, interaction } = tools
  for (;;) {
    const begun = await api.call(beginLogin, { body: { username } })
    try {
      const session = await proveBoth(begun, tools)
      api.sessionSecret = session.sessionSecret
      return session
    } catch (error) {
      if (!isApiError(error, 'login_expired') || !interaction.canRetry) throw error
      interaction.refused(error, begun.methods)
    }
  }
}
