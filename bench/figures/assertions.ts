import { createHash, verify } from 'node:crypto'
import { verifyAssertion } from '../../src/server/domain/webauthn/index.ts'
import { expectedOf, makeAssertion, partsOf } from '../../test/support/webauthn-ceremony.ts'
import { compare, type Figure, judged } from '../measure.ts'

const ceremonies = 64
const roundMilliseconds = 500

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

export async function assertionRate(): Promise<Figure> {
  const all = Array.from({ length: ceremonies }, () => {
    const parts = partsOf({})
    return { parts, expected: expectedOf(parts), assertion: makeAssertion(parts) }
  })
  const bare = all.map(({ parts, assertion: { response } }) => ({
    key: parts.key.publicKey,
    signature: Buffer.from(response.signature, 'base64url'),
    signed: Buffer.concat([
      Buffer.from(response.authenticatorData, 'base64url'),
      createHash('sha256').update(Buffer.from(response.clientDataJSON, 'base64url')).digest(),
    ]),
  }))
  const compared = await compare(
    11,
    () => rate(all, ({ assertion, expected }) => verifyAssertion(assertion, expected)),
    () =>
      rate(bare, ({ key, signature, signed }) => {
        if (!verify('sha256', signed, key, signature)) throw new Error('the signature is not valid')
      }),
  )
  return judged(
    'assertions',
    'WebAuthn assertions (ES256) verified per second over bare crypto.verify with a kept key',
    compared,
    { least: 0.7 },
    { subject: 'assertions_per_second', base: 'verify_per_second' },
  )
}
