import { createHash, verify } from 'node:crypto'
import { verifyAuthenticationResponse, type WebAuthnCredential } from '@simplewebauthn/server'
import { toBase64url } from '../../src/lib/base64url.ts'
import { verifyAssertion } from '../../src/server/domain/webauthn/index.ts'
import { expectedOf, makeAssertion, partsOf } from '../../test/support/webauthn-ceremony.ts'
import { compare, type Figure, judged, ratePerSecond, round } from '../measure.ts'

const ceremonies = 64
const roundMilliseconds = 500
/** SimpleWebAuthn verifies signatures on the thread pool: with several at once it takes more than one core. */
const severalAtOnce = 8

const makeCeremonies = () =>
  Array.from({ length: ceremonies }, () => {
    const parts = partsOf({})
    return { parts, expected: expectedOf(parts), assertion: makeAssertion(parts) }
  })

type Ceremony = ReturnType<typeof makeCeremonies>[number]

/** How often per second `work` runs over `inputs`, in turn. */
async function rate<T>(inputs: readonly T[], work: (input: T) => void): Promise<number> {
  const start = performance.now()
  let done = 0
  while (performance.now() - start < roundMilliseconds) {
    for (const input of inputs) work(input)
    done += inputs.length
  }
  return (done * 1000) / (performance.now() - start)
}

const ours = (all: readonly Ceremony[]) => () =>
  rate(all, ({ assertion, expected }) => verifyAssertion(assertion, expected))

export async function assertionRate(): Promise<Figure> {
  const all = makeCeremonies()
  const bare = all.map(({ parts, assertion: { response } }) => ({
    key: parts.key.publicKey,
    signature: Buffer.from(response.signature, 'base64url'),
    signed: Buffer.concat([
      Buffer.from(response.authenticatorData, 'base64url'),
      createHash('sha256').update(Buffer.from(response.clientDataJSON, 'base64url')).digest(),
    ]),
  }))
  const compared = await compare(11, ours(all), () =>
    rate(bare, ({ key, signature, signed }) => {
      if (!verify('sha256', signed, key, signature)) throw new Error('the signature is not valid')
    }),
  )
  return judged(
    'assertions',
    'WebAuthn assertions (ES256) verified per second over bare crypto.verify with a kept key',
    compared,
    { least: 0.8 },
    { subject: 'assertions_per_second', base: 'verify_per_second' },
  )
}

/** The same assertions through SimpleWebAuthn, which asks for the same things under other names. */
function simpleWebAuthnRate(all: readonly Ceremony[]): (width: number) => Promise<number> {
  const inputs = all.map(({ assertion, expected: { challenge, origins, rpId, credential } }) => {
    const { response } = assertion
    const stored: WebAuthnCredential = {
      id: assertion.id,
      publicKey: Uint8Array.from(credential.publicKey),
      counter: credential.signCount,
    }
    return {
      response: {
        id: assertion.id,
        rawId: assertion.rawId,
        type: 'public-key' as const,
        clientExtensionResults: {},
        response: {
          clientDataJSON: response.clientDataJSON,
          authenticatorData: response.authenticatorData,
          signature: response.signature,
        },
      },
      expectedChallenge: toBase64url(challenge),
      expectedOrigin: origins,
      expectedRPID: rpId,
      credential: stored,
      requireUserVerification: true,
    }
  })
  let next = 0
  return width =>
    ratePerSecond(roundMilliseconds, width, async () => {
      const input = inputs[next++ % inputs.length]
      if (!input || !(await verifyAuthenticationResponse(input)).verified) throw new Error('not verified')
      return 1
    })
}

export async function simpleWebAuthnRatio(): Promise<Figure> {
  const all = makeCeremonies()
  const simpleWebAuthn = simpleWebAuthnRate(all)
  const compared = await compare(11, ours(all), () => simpleWebAuthn(1))
  return judged(
    'assertions_simplewebauthn',
    "WebAuthn assertions (ES256) verified per second over SimpleWebAuthn's verifyAuthenticationResponse",
    compared,
    { least: 4 },
    { subject: 'assertions_per_second', base: 'simplewebauthn_per_second' },
    { [`simplewebauthn_${severalAtOnce}_at_once_per_second`]: round(await simpleWebAuthn(severalAtOnce), 1) },
  )
}
