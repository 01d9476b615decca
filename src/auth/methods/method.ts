import type { VerificationAnswer, VerificationBegun } from '../../contract/logins.ts'
import type { CodeSent } from '../../contract/schemas.ts'
import type { Interaction } from '../interaction.ts'
import type { MessageWatchTools } from '../message-watch.ts'
import type { WebAuthnClient } from '../webauthn/client.ts'

/** The methods with a first step: a code to send, or options for a security key. */
export type BegunMethod = VerificationBegun['method']

/** What a method needs to make its answer: one per challenge or login, so that it outlives wrong answers. */
export interface Verification extends MessageWatchTools {
  readonly purpose: 'login' | 'step_up'
  readonly interaction: Interaction
  readonly webauthn: Pick<WebAuthnClient, 'get'>
  /** The codes that are under way: a wrong one is typed again, not sent again. */
  readonly sent: Map<'email' | 'phone', CodeSent>
  /** Has a code sent, or gets the options for a security key. */
  begin(method: BegunMethod): Promise<VerificationBegun>
}

/** Asks the person for what the method takes. */
export type AnswerWith = (verification: Verification) => Promise<VerificationAnswer>
