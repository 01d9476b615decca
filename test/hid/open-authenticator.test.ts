import { describe, expect, test } from 'vitest'
import { CtapError } from '../../src/hid/errors.ts'
import { openAuthenticator } from '../../src/hid/open-authenticator.ts'
import { toHex } from '../../src/lib/bytes.ts'
import { type CborValue, encodeCbor } from '../../src/lib/cbor.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type U2fScript, u2fDevice } from '../support/u2f-device.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const wink = 1
const cbor = 4
const noMsg = 8
const u2fV2 = `${toHex(new TextEncoder().encode('U2F_V2'))}9000`

function infoOf(...versions: string[]): string {
  const members = new Map<number, CborValue>([
    [1, versions],
    [3, new Uint8Array(16)],
  ])
  return `00${toHex(encodeCbor(members))}`
}

async function openedAs(script: U2fScript): Promise<{ as: string; closed: number; apdus: readonly string[] }> {
  const clock = new VirtualClock()
  const { device, apdus } = u2fDevice(clock, script)
  const as = await openAuthenticator(device, { clock, random: seededRandom('open') }).then(
    key => key.protocol,
    error => (error instanceof CtapError ? error.code : String(error)),
  )
  return { as, closed: device.closeCount, apdus }
}

describe('what a key is taken for', () => {
  const version = () => u2fV2
  test.each<[string, string, U2fScript]>([
    ['CTAP2 alone', 'ctap2', { capabilities: cbor | noMsg, cbor: () => infoOf('FIDO_2_0'), answer: () => '6d00' }],
    ['both', 'ctap2', { capabilities: cbor | wink, cbor: () => infoOf('U2F_V2', 'FIDO_2_1'), answer: version }],
    ['a version to come', 'ctap2', { capabilities: cbor, cbor: () => infoOf('FIDO_2_9'), answer: version }],
    ['U2F alone', 'u2f', { capabilities: wink, answer: version }],
    ['CBOR claimed, and refused by CTAPHID', 'u2f', { capabilities: cbor, answer: version }],
    ['CBOR claimed, and refused by CTAP', 'u2f', { capabilities: cbor, cbor: () => '01', answer: version }],
    ['CBOR that knows U2F alone', 'u2f', { capabilities: cbor, cbor: () => infoOf('U2F_V2'), answer: version }],
    ['CBOR refused, no MSG', 'key_unsupported', { capabilities: cbor | noMsg, cbor: () => '01', answer: version }],
    ['CBOR that fails otherwise', 'key_refused', { capabilities: cbor, cbor: () => '7f', answer: version }],
    [
      'CBOR that knows U2F alone, no MSG',
      'key_unsupported',
      { capabilities: cbor | noMsg, cbor: () => infoOf('U2F_V2'), answer: version },
    ],
    ['neither', 'key_unsupported', { capabilities: noMsg, answer: version }],
    ['another version of U2F', 'key_unsupported', { answer: () => '5532465f56339000' }],
    ['no version', 'key_unsupported', { answer: () => '6d00' }],
    ['no MSG after all', 'key_unsupported', { answer: () => '' }],
    ['an answer that is none', 'key_protocol', { answer: () => '00' }],
  ])('%s: %s', async (_, expected, script) => {
    const { as, closed } = await openedAs(script)
    expect([as, closed]).toEqual([expected, expected.startsWith('key_') ? 1 : 0])
  })

  test('a key that speaks CTAP2 is not asked for its version of U2F', async () => {
    const script = { capabilities: cbor, cbor: () => infoOf('U2F_V2', 'FIDO_2_0'), answer: () => u2fV2 }
    expect((await openedAs(script)).apdus).toEqual([])
  })

  test('an old key wants the length of nothing spelt out', async () => {
    const { as, apdus } = await openedAs({ answer: apdu => (apdu.length === 18 ? u2fV2 : '6700') })
    expect([as, apdus]).toEqual(['u2f', ['00030000000000', '000300000000000000']])
  })
})
