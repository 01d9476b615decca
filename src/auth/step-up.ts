import { isApiError } from '../api/errors.ts'
import { isOfSchema } from '../contract/check.ts'
import type { StepUpOperation } from '../contract/schemas.ts'
import { beginVerification, Challenge, createChallenge, finishVerification } from '../contract/step-up.ts'
import { type VerificationTools, verify } from './verification.ts'

export type StepUpTools = VerificationTools

/** The fresh challenge that hufud puts into the refusal of an operation that came without a valid proof (RFC 9470). */
function freshChallenge(error: unknown, operation: StepUpOperation): Challenge | undefined {
  if (!isApiError(error, 'insufficient_user_authentication')) return undefined
  const { challenge } = error.problem
  if (!isOfSchema(Challenge, challenge)) return undefined
  const fresh = challenge as Challenge
  return fresh.operation === operation ? fresh : undefined
}

/** The person proves who they are, for one operation and, where it is stated, one value. */
export class StepUp {
  private readonly tools: StepUpTools

  constructor(tools: StepUpTools) {
    this.tools = tools
  }

  /**
   * Asks for a challenge and has the person answer it. Where somebody is there to answer again, a challenge that
   * expires meanwhile is replaced by a new one.
   * @param value the new number or address, or the id of the key to unbind, where it is stated up front.
   * @returns the proof: it serves once, for five minutes.
   * @throws {ApiError} the refusal of the last answer, `throttled`, `method_not_available`, or of the challenge
   * @throws {CancelledError} on Ctrl-C
   * @throws {InputRequiredError} when nobody may be asked
   */
  async prove(operation: StepUpOperation, value?: string): Promise<string> {
    const { api, interaction } = this.tools
    for (;;) {
      const body = value === undefined ? { operation } : { operation, value }
      const challenge = await api.call(createChallenge, { body })
      try {
        return await this.answer(challenge)
      } catch (error) {
        if (!isApiError(error, 'challenge_expired', 'webauthn_challenge_expired') || !interaction.canRetry) throw error
        interaction.refused(error, challenge.methods)
      }
    }
  }

  /**
   * Proves, then calls. The proof is used up by the call that succeeds, and by no refusal of a new value: `call` may
   * ask the person for another value and send that with the same proof, as often as it takes. Should the server not
   * accept the proof after all (it has expired while the person was thinking), the challenge in its refusal is
   * answered, and `call` is called once more.
   * @throws what `prove` and `call` throw
   */
  async run<T>(operation: StepUpOperation, value: string | undefined, call: (proof: string) => Promise<T>): Promise<T> {
    const proof = await this.prove(operation, value)
    try {
      return await call(proof)
    } catch (error) {
      const challenge = freshChallenge(error, operation)
      if (!challenge || !(error instanceof Error)) throw error
      this.tools.interaction.refused(error, challenge.methods)
      return await call(await this.answer(challenge))
    }
  }

  private async answer(challenge: Challenge): Promise<string> {
    const { api, interaction } = this.tools
    const params = { challenge_id: challenge.challenge_id }
    interaction.event('step_up', { operation: challenge.operation, methods: challenge.methods })
    const { proof } = await verify(
      {
        purpose: 'step_up',
        begin: method => api.call(beginVerification, { params, body: { method } }),
        finish: answer => api.call(finishVerification, { params, body: answer }),
      },
      challenge.methods,
      challenge.operation,
      this.tools,
    )
    return proof
  }
}
