import { createHash, sign } from 'node:crypto'
import type { BenchAccount } from './accounts.ts'
import { requestBytes } from './http-connection.ts'

const userPresent = 0x01

export const sha256 = (data: Uint8Array | string): Buffer => createHash('sha256').update(data).digest()

interface Begun {
  readonly options: { challenge: string; allowCredentials: readonly [{ id: string }] }
}

/** What a browser sends of an ES256 key that was touched. */
function assertionOf({ privateKey }: BenchAccount, { options }: Begun, origin: string, rpIdHash: Buffer) {
  const clientData = Buffer.from(
    `{"type":"webauthn.get","challenge":"${options.challenge}","origin":"${origin}","crossOrigin":false}`,
  )
  const authenticatorData = Buffer.alloc(37)
  authenticatorData.set(rpIdHash)
  authenticatorData[32] = userPresent
  const signature = sign('sha256', Buffer.concat([authenticatorData, sha256(clientData)]), privateKey)
  const [{ id }] = options.allowCredentials
  return {
    id,
    rawId: id,
    type: 'public-key',
    clientExtensionResults: {},
    response: {
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: authenticatorData.toString('base64url'),
      signature: signature.toString('base64url'),
    },
  }
}

/**
 * Gives up an authenticator app as somebody does who has lost the phone that it was on, and has the key: a challenge,
 * the key's options, its assertion, and the change.
 * @param ask sends one request and gives its JSON; it throws when it is refused
 */
export async function unbindApp(
  ask: <T>(request: Buffer) => Promise<T>,
  account: BenchAccount,
  origin: string,
  rpIdHash: Buffer,
): Promise<void> {
  const bearer = account.sessionSecret
  const post = <T>(path: string, body: unknown) => ask<T>(requestBytes('POST', path, { bearer, body }))
  const { challenge_id } = await post<{ challenge_id: string }>('/v1/step-up', { operation: 'totp.unbind' })
  const begun = await post<Begun>(`/v1/step-up/${challenge_id}/begin`, { method: 'webauthn' })
  const credential = assertionOf(account, begun, origin, rpIdHash)
  const answer = { method: 'webauthn', credential }
  const { proof } = await post<{ proof: string }>(`/v1/step-up/${challenge_id}/finish`, answer)
  await ask(requestBytes('DELETE', '/v1/bindings/totp', { bearer, proof }))
}
