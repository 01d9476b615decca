import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openAuthenticators } from '../../../src/hid/index.ts'
import { toBase64url } from '../../../src/lib/base64url.ts'
import { concatBytes } from '../../../src/lib/bytes.ts'
import { type CborMap, decodeCbor } from '../../../src/lib/cbor.ts'
import {
  SecurityKeyDevice,
  SoftwareAuthenticator,
  type TouchBehaviour,
} from '../../../src/simulators/security-key/index.ts'
import { connectedTo, MemoryTransport } from '../../support/memory-device.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

async function plugIn(touch: TouchBehaviour = 'automatic') {
  const clock = new VirtualClock()
  const random = seededRandom('software u2f')
  const authenticator = new SoftwareAuthenticator({ random, clock, profile: 'u2f' })
  const simulated = new SecurityKeyDevice(authenticator, { clock, random, touch })
  const device = connectedTo(clock, simulated)
  const transport = new MemoryTransport()
  transport.devices.push(device)
  const [key] = await openAuthenticators({ clock, random, transport }).list()
  if (!key) throw new Error('no key')
  return { key, simulated, device, random }
}

const rpId = 'example.com'
const request = (clientDataHash: Uint8Array) => ({
  clientDataHash,
  rp: { id: rpId },
  user: { id: Uint8Array.of(1) },
  pubKeyCredParams: [{ alg: -7 }],
})

/** The credential id and the public key in authenticator data. */
function attested(authData: Uint8Array) {
  const length = new DataView(authData.buffer, authData.byteOffset).getUint16(53)
  const key = decodeCbor(authData.subarray(55 + length))
  if (!(key instanceof Map)) throw new Error('no key')
  const [x, y] = [bytesOf(key, -2), bytesOf(key, -3)]
  const jwk = { kty: 'EC', crv: 'P-256', x: toBase64url(x), y: toBase64url(y) }
  return {
    id: authData.slice(55, 55 + length),
    point: concatBytes(Uint8Array.of(4), x, y),
    publicKey: createPublicKey({ key: jwk, format: 'jwk' }),
  }
}

function bytesOf(map: CborMap, key: number | string): Uint8Array {
  const value = map.get(key)
  if (value instanceof Uint8Array) return value
  throw new Error(`no bytes under ${key}`)
}

describe('a software key that speaks U2F alone', () => {
  test('registers and logs in, and both signatures hold', async () => {
    const { key, random } = await plugIn({ afterMilliseconds: 700 })
    expect(key.protocol).toBe('u2f')
    const challenge = random.bytes(32)
    const { authData, attStmt } = await key.makeCredential(request(challenge))
    const { id, point, publicKey } = attested(authData)
    const [certificate] = Array.isArray(attStmt.get('x5c')) ? [attStmt.get('x5c')].flat() : []
    if (!(certificate instanceof Uint8Array)) throw new Error('no certificate')
    const signed = concatBytes(Uint8Array.of(0), authData.subarray(0, 32), challenge, id, point)
    expect(verify('sha256', signed, new X509Certificate(certificate).publicKey, bytesOf(attStmt, 'sig'))).toBe(true)

    const clientDataHash = random.bytes(32)
    const allowList = [{ id: random.bytes(32) }, { id }]
    const assertion = await key.getAssertion({ rpId, clientDataHash, allowList })
    expect(assertion.credentialId).toEqual(id)
    const told = concatBytes(assertion.authData, clientDataHash)
    expect(verify('sha256', told, publicKey, assertion.signature)).toBe(true)
    expect(await key.hasCredential({ rpId, credentials: [{ id }] })).toBe(true)
    expect(await key.hasCredential({ rpId: 'example.org', credentials: [{ id }] })).toBe(false)
  })

  test('is not registered twice', async () => {
    const { key, random } = await plugIn()
    const { id } = attested((await key.makeCredential(request(random.bytes(32)))).authData)
    const again = key.makeCredential({ ...request(random.bytes(32)), excludeList: [{ id }] })
    await expect(again).rejects.toMatchObject({ code: 'key_excluded' })
    expect(await key.hasCredential({ rpId, credentials: [{ id }] })).toBe(true)
  })

  test('pulled out while it waits for a touch, is unplugged', async () => {
    const { key, device } = await plugIn('never')
    const made = key.makeCredential(request(new Uint8Array(32)), { onTouchNeeded: () => device.unplug() })
    await expect(made).rejects.toMatchObject({ code: 'key_unplugged' })
  })

  test('plugged in anew behind the same wire, goes on', async () => {
    const { key, simulated } = await plugIn('never')
    const made = key.makeCredential(request(new Uint8Array(32)), {
      onTouchNeeded: () => {
        simulated.unplug()
        simulated.sensor.behaviour = 'automatic'
      },
    })
    expect((await made).fmt).toBe('fido-u2f')
  })
})
