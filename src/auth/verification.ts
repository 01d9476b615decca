import type { ApiClient } from '../api/client.ts'
import { ApiError, isApiError } from '../api/errors.ts'
import type { VerificationAnswer, VerificationBegun } from '../contract/logins.ts'
import type { CodeSent, MethodChoice, StepUpOperation, VerificationMethod } from '../contract/schemas.ts'
import type { Clock } from '../lib/clock.ts'
import { abortError, MessageFailedError } from './errors.ts'
import type { Interaction } from './interaction.ts'
import { answerWithEmailCode, answerWithPhoneCode } from './methods/code.ts'
import type { AnswerWith, BegunMethod } from './methods/method.ts'
import { answerWithPassword } from './methods/password.ts'
import { answerWithRecoveryCode } from './methods/recovery.ts'
import { answerWithTotp } from './methods/totp.ts'
import { answerWithSecurityKey } from './methods/webauthn.ts'
import type { WebAuthnClient } from './webauthn/client.ts'

const answerWith: Readonly<Record<VerificationMethod, AnswerWith>> = {
  password: answerWithPassword,
  email: answerWithEmailCode,
  phone: answerWithPhoneCode,
  totp: answerWithTotp,
  webauthn: answerWithSecurityKey,
  recovery: answerWithRecoveryCode,
}

/** Refusals after which a code has to be sent anew. */
const codeIsGone = ['code_expired', 'code_used', 'code_other_purpose', 'code_not_sent']

/** Refusals of an answer: another may be given, by this method or by another. */
const answerIsWrong = [
  ...codeIsGone,
  'login_failed',
  'password_incorrect',
  'code_incorrect',
  'totp_incorrect',
  'totp_used',
  'recovery_code_incorrect',
  'method_not_available',
]

/** The security key, or the server when it looked at what the key said, refused; `key_cancelled` is the person's wish. */
function isSecurityKeyRefusal(error: unknown): error is Error {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false
  if (error.name === 'CtapError') return error.code !== 'key_cancelled'
  return isApiError(error) && error.code.startsWith('webauthn_')
}

/** The two operations of a verification, at login and in a step-up alike. */
export interface VerificationSteps<T> {
  readonly purpose: 'login' | 'step_up'
  begin(method: BegunMethod): Promise<VerificationBegun>
  finish(answer: VerificationAnswer): Promise<T>
}

export interface VerificationTools {
  readonly api: ApiClient
  readonly clock: Clock
  readonly interaction: Interaction
  readonly webauthn: Pick<WebAuthnClient, 'get'>
}

/**
 * Has the person pick one of `methods` and answer by it, until an answer is accepted. A wrong answer is asked again,
 * by any method, where `Interaction.canRetry`; a method that turns out not to be available is not offered again. So is
 * a message that failed, where there is another method.
 * Being throttled ends it, and so does everything that no answer mends.
 * @returns what `finish` gives.
 * @throws {MessageFailedError} when the message with a code failed, and nobody may be asked for another method.
 * @throws {ApiError} the last refusal, or `method_not_available` when no method is left.
 */
export async function verify<T>(
  steps: VerificationSteps<T>,
  methods: readonly MethodChoice[],
  why: 'login' | 'second_factor' | StepUpOperation,
  { api, clock, interaction, webauthn }: VerificationTools,
): Promise<T> {
  const sent = new Map<'email' | 'phone', CodeSent>()
  const verification = { purpose: steps.purpose, api, clock, interaction, webauthn, sent, begin: steps.begin }
  let remaining = methods
  if (remaining.length === 0) {
    throw new ApiError('method_not_available', { detail: 'This account has no verification method for this.' })
  }
  for (;;) {
    const method = await interaction.chooseMethod(remaining, why)
    if (interaction.signal.aborted) throw abortError(interaction.signal)
    try {
      return await steps.finish(await answerWith[method](verification))
    } catch (error) {
      const isLost = error instanceof MessageFailedError
      const wrong = isApiError(error, ...answerIsWrong) || isSecurityKeyRefusal(error) || isLost
      if (!wrong || !interaction.canRetry || interaction.signal.aborted) throw error
      // Where there is no other method, the next message would fail as this one did.
      if (isLost && remaining.length === 1) throw error
      const isGone = isLost || isApiError(error, ...codeIsGone)
      if (isGone && (method === 'email' || method === 'phone')) sent.delete(method)
      if (isApiError(error, 'method_not_available')) remaining = remaining.filter(choice => choice.method !== method)
      if (remaining.length === 0) throw error
      interaction.refused(error, remaining)
    }
  }
}
