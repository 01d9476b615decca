import { createHash, sign } from 'node:crypto'
import { dirname } from 'node:path'
import type { BenchAccount } from '../accounts.ts'
import { countCommits, openCommitter } from '../commits.ts'
import { type Connection, call, openConnection, requestBytes } from '../http-connection.ts'
import { withHufud } from '../hufud.ts'
import { compare, type Figure, judged, ratePerSecond, round } from '../measure.ts'

const width = 16
const roundMilliseconds = 1000
const rounds = 5
const singleFlows = 20
const accountCount = 12_000
const userPresent = 0x01

const sha256 = (data: Uint8Array | string): Buffer => createHash('sha256').update(data).digest()

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
 */
async function unbindApp(
  connection: Connection,
  account: BenchAccount,
  origin: string,
  rpIdHash: Buffer,
): Promise<void> {
  const bearer = account.sessionSecret
  const post = <T>(path: string, body: unknown) => call<T>(connection, requestBytes('POST', path, { bearer, body }))
  const { challenge_id } = await post<{ challenge_id: string }>('/v1/step-up', { operation: 'totp.unbind' })
  const begun = await post<Begun>(`/v1/step-up/${challenge_id}/begin`, { method: 'webauthn' })
  const credential = assertionOf(account, begun, origin, rpIdHash)
  const answer = { method: 'webauthn', credential }
  const { proof } = await post<{ proof: string }>(`/v1/step-up/${challenge_id}/finish`, answer)
  await call(connection, requestBytes('DELETE', '/v1/bindings/totp', { bearer, proof }))
}

export const keyStepUps = (): Promise<Figure> =>
  withHufud(accountCount, async ({ accounts, url, origin, database }) => {
    const lanes = await Promise.all(Array.from({ length: width }, () => openConnection(url)))
    const committer = openCommitter(dirname(database))
    const rpIdHash = sha256(new URL(origin).hostname)
    let flows = 0
    const flow = async (index: number) => {
      const [lane, account] = [lanes[index], accounts[flows++]]
      if (!lane || !account) throw new Error('more flows than accounts')
      await unbindApp(lane, account, origin, rpIdHash)
      return 1
    }
    try {
      const ofSingleFlows = await countCommits(database, async () => {
        for (let index = 0; index < singleFlows; index++) await flow(0)
      })
      const commits = ofSingleFlows / singleFlows
      const perSecond = await compare(
        rounds,
        () => ratePerSecond(roundMilliseconds, width, flow),
        () => committer.rate(roundMilliseconds),
      )
      const compared = { ...perSecond, ratio: perSecond.ratio * commits }
      return judged(
        'key_step_ups',
        'step-ups by security key with their change per second, times their commits, over durable commits per second',
        compared,
        { least: 0.5 },
        { subject: 'flows_per_second', base: 'commits_per_second' },
        { commits_per_flow: round(commits, 2), concurrency: width },
      )
    } finally {
      for (const lane of lanes) lane.close()
      committer.close()
    }
  })
