import { createWebAuthnClient } from '../../src/auth/webauthn/client.ts'
import { type HidTransport, openAuthenticators } from '../../src/hid/index.ts'
import { toBase64url } from '../../src/lib/base64url.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { SecurityKeyDevice, SoftwareAuthenticator } from '../../src/simulators/security-key/index.ts'
import { ScriptedInteraction } from '../../test/auth/scripted-interaction.ts'
import { connectedTo } from '../../test/support/memory-device.ts'
import { type Figure, median, round } from '../measure.ts'

const rounds = 200
const warmUps = 20
const most = 5
const origin = 'https://accounts.example.org'
const rpId = 'accounts.example.org'

/** A software key in this process, whose person touches it at once, and a client that finds it plugged in. */
function plugIn() {
  const options = { clock: systemClock, random: systemRandom }
  const authenticator = new SoftwareAuthenticator(options)
  const requests: Uint8Array[] = []
  const device = new SecurityKeyDevice(
    {
      answer: (request, askForTouch) => {
        requests.push(request.slice())
        return authenticator.answer(request, askForTouch)
      },
    },
    options,
  )
  const transport: HidTransport = {
    list: async () => [
      { path: '/dev/hidraw7', product: 'Memory Key', open: async () => connectedTo(systemClock, device) },
    ],
  }
  const tools = {
    origin,
    interaction: new ScriptedInteraction(),
    clock: systemClock,
    isKeyNamed: false,
    openAuthenticators: () => openAuthenticators({ ...options, transport }),
  }
  return {
    client: createWebAuthnClient(tools),
    /** The milliseconds that the key takes for what it was asked since the last call, asked again without a wire. */
    async ownTime(): Promise<number> {
      const asked = requests.splice(0)
      const start = performance.now()
      for (const request of asked) await authenticator.answer(request, async () => 'touched')
      return performance.now() - start
    },
  }
}

type Key = ReturnType<typeof plugIn>

const register = ({ client }: Key) =>
  client.create({
    rp: { id: rpId, name: 'Example' },
    user: { id: toBase64url(systemRandom.bytes(32)), name: 'alice', displayName: 'Alice' },
    challenge: toBase64url(systemRandom.bytes(32)),
    pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
    authenticatorSelection: { userVerification: 'preferred' },
  })

const authenticate = ({ client }: Key, id: string) =>
  client.get({
    challenge: toBase64url(systemRandom.bytes(32)),
    rpId,
    allowCredentials: [{ type: 'public-key', id }],
    userVerification: 'preferred',
  })

/** Medians over the ceremonies, each with the key's own time for the same requests right after it. */
async function timesOf(key: Key, ceremony: () => Promise<unknown>) {
  const wholes: number[] = []
  const keys: number[] = []
  for (let index = 0; index < warmUps + rounds; index++) {
    const start = performance.now()
    await ceremony()
    const whole = performance.now() - start
    const own = await key.ownTime()
    if (index < warmUps) continue
    wholes.push(whole)
    keys.push(own)
  }
  const clients = wholes.map((whole, index) => whole - (keys[index] ?? 0))
  return { whole: median(wholes), key: median(keys), client: median(clients) }
}

export async function clientCeremonies(): Promise<Figure> {
  const key = plugIn()
  const { id } = await register(key)
  await key.ownTime()
  const registration = await timesOf(key, () => register(key))
  const assertion = await timesOf(key, () => authenticate(key, id))
  return {
    name: 'client_ceremonies',
    what: "the client's own part of a ceremony with a key that answers at once: the longer median, ms",
    target: { most },
    met: Math.max(registration.client, assertion.client) <= most,
    raw: {
      registration_own_ms: round(registration.client, 2),
      registration_ms: round(registration.whole, 2),
      registration_key_ms: round(registration.key, 2),
      assertion_own_ms: round(assertion.client, 2),
      assertion_ms: round(assertion.whole, 2),
      assertion_key_ms: round(assertion.key, 2),
      ceremonies: rounds,
    },
  }
}
