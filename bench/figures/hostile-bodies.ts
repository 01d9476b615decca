import { X509Certificate } from 'node:crypto'
import { Compile } from 'typebox/compile'
import { AuthenticationResponseJson, RegistrationResponseJson } from '../../src/contract/webauthn.ts'
import {
  testAttestation,
  verifyAssertion,
  verifyRegistration,
  WebAuthnError,
} from '../../src/server/domain/webauthn/index.ts'
import { basicConstraints } from '../../test/support/der.ts'
import { type HostileBody, hostileBodies } from '../../test/support/hostile-bodies.ts'
import { issue, rootCertificate, rootName } from '../../test/support/webauthn-attestation.ts'
import { makeKey } from '../../test/support/webauthn-ceremony.ts'
import { type Figure, median, round } from '../measure.ts'

const rounds = 9
const mostMilliseconds = 5

const isRegistration = Compile(RegistrationResponseJson)
const isAssertion = Compile(AuthenticationResponseJson)
/** Who signs the certificates of the corpus: where that one is trusted, they are no stranger's. */
const maker = new X509Certificate(rootCertificate)
/** A root of the same name with another key, as strangers meet it. */
const other = makeKey('ES256')
const trusted = new X509Certificate(
  issue(other.publicKey, { subject: rootName, issuerKey: other.privateKey, extensions: [basicConstraints(true)] }),
)

/** What hufud does with a body: reads its JSON, checks its form, and verifies it, trusting `root`. */
async function judge({ ceremony, json, expected }: HostileBody, root: X509Certificate): Promise<void> {
  const value = JSON.parse(json)
  try {
    if (ceremony === 'registration') {
      if (isRegistration.Check(value)) await verifyRegistration(value, { ...expected, trustedRoots: [root] })
    } else if (isAssertion.Check(value)) verifyAssertion(value, expected)
  } catch (error) {
    if (!(error instanceof WebAuthnError)) throw error
  }
}

async function cpuMilliseconds(work: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

/** How much CPU the dearest of many bodies of up to 16 KiB takes, in all threads of the process. */
export async function hostileBodyTime(): Promise<Figure> {
  const all: { name: string; bytes: number; milliseconds: number; first: number }[] = []
  // A server that has run for a while has compiled what it runs: one round that does not count.
  for (const body of hostileBodies()) await judge(body, trusted)
  for (const body of hostileBodies()) {
    const times: number[] = []
    for (let index = 0; index < rounds; index++) times.push(await cpuMilliseconds(() => judge(body, trusted)))
    all.push({ name: body.name, bytes: body.json.length, milliseconds: median(times), first: times[0] ?? 0 })
  }
  // As hufud does before it listens, where a maker is trusted.
  await testAttestation()
  const trustedTimes: number[] = []
  for (const body of hostileBodies().filter(({ name }) => name.includes('good statement'))) {
    for (let index = 0; index < 4 * rounds; index++) {
      trustedTimes.push(await cpuMilliseconds(() => judge(body, maker)))
    }
  }
  all.sort((a, b) => b.milliseconds - a.milliseconds)
  const worst = all[0]?.milliseconds ?? Number.NaN
  return {
    name: 'hostile_bodies',
    what: 'CPU milliseconds of the dearest of many bodies of up to 16 KiB that are made to keep a verifier busy',
    ratio: round(worst),
    target: { most: mostMilliseconds },
    met: worst <= mostMilliseconds,
    raw: {
      bodies: all.length,
      rounds,
      dearest: all.slice(0, 5).map(one => ({ ...one, milliseconds: round(one.milliseconds), first: round(one.first) })),
      good_statement_of_a_trusted_maker_milliseconds: round(median(trustedTimes)),
      good_statement_of_a_trusted_maker_first_time_milliseconds: round(trustedTimes[0] ?? Number.NaN),
      first_time_milliseconds: round(Math.max(...all.map(({ first }) => first))),
    },
  }
}
