import type { ApiClient } from '../../src/api/client.ts'
import { createApiClient } from '../../src/api/create-client.ts'
import { createWebAuthnClient, type WebAuthnClient } from '../../src/auth/webauthn/client.ts'
import type { VerificationAnswer } from '../../src/contract/logins.ts'
import { beginLogin, finishLoginVerification } from '../../src/contract/logins.ts'
import type { StepUpOperation } from '../../src/contract/schemas.ts'
import { createChallenge, finishVerification } from '../../src/contract/step-up.ts'
import { openAuthenticators } from '../../src/hid/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { ScriptedInteraction } from '../auth/scripted-interaction.ts'

/** A client of the API as a script of somebody else's would be: calls, and nothing around them. */
export const apiClient = (
  url: string,
  secrets: { sessionSecret?: string | undefined; serviceCredential?: string } = {},
): ApiClient =>
  createApiClient({ origin: url, timeoutMilliseconds: 30_000, userAgent: 'test', language: 'en', ...secrets })

/** As many clients of one session, each with a connection of its own, so that they really run side by side. */
export const clientsOf = (api: ApiClient, count: number): ApiClient[] =>
  Array.from({ length: count }, () => apiClient(api.origin, { sessionSecret: api.sessionSecret }))

/** A new session of `username`, by password alone. */
export async function logInByPassword(url: string, username: string, password: string): Promise<ApiClient> {
  const api = apiClient(url)
  const { login_id } = await api.call(beginLogin, { body: { username } })
  const outcome = await api.call(finishLoginVerification, {
    params: { login_id },
    body: { method: 'password', password },
  })
  if (outcome.state !== 'complete') throw new Error(`a second factor is wanted of ${username}`)
  api.sessionSecret = outcome.session_secret
  return api
}

/** Steps up for `operation` by `answer`, and returns the proof. */
export async function prove(
  api: ApiClient,
  operation: StepUpOperation,
  answer: VerificationAnswer,
  value?: string,
): Promise<string> {
  const body = value === undefined ? { operation } : { operation, value }
  const { challenge_id } = await api.call(createChallenge, { body })
  const { proof } = await api.call(finishVerification, { params: { challenge_id }, body: answer })
  return proof
}

/** A WebAuthn client for the security key at `device`. */
export const webauthnClient = (url: string, device: string): WebAuthnClient =>
  createWebAuthnClient({
    origin: url,
    interaction: new ScriptedInteraction(),
    clock: systemClock,
    isKeyNamed: true,
    openAuthenticators: () => openAuthenticators({ device, clock: systemClock, random: systemRandom }),
  })
