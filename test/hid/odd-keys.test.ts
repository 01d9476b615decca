import { describe, expect, test } from 'vitest'
import { openAuthenticators } from '../../src/hid/index.ts'
import { concatBytes } from '../../src/lib/bytes.ts'
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../src/lib/cbor.ts'
import type { Clock } from '../../src/lib/clock.ts'
import {
  type AuthenticatorOptions,
  SecurityKeyDevice,
  SoftwareAuthenticator,
} from '../../src/simulators/security-key/index.ts'
import { clientDataHash, isSigned, parseAttested, registration, sha256 } from '../support/ceremony.ts'
import { MemoryDevice, MemoryTransport } from '../support/memory-device.ts'
import { mapOf } from '../support/scripted-channel.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

type Push = (report: Uint8Array) => void

/** What is odd about a key: in the maps that it answers, by command, or in its reports. */
interface Oddity {
  readonly options?: Partial<AuthenticatorOptions>
  readonly answer?: (command: number, answer: CborMap) => CborMap | Uint8Array
  readonly wire?: (clock: Clock, push: Push) => { toKey?: (report: Uint8Array) => Uint8Array; fromKey: Push }
}

const command = { makeCredential: 1, getAssertion: 2, getInfo: 4 }
const pin = '123456'
const rpId = 'example.com'

/** Our own key, with its answers and reports changed on their way. */
async function odd({ options = {}, answer = (_, map) => map, wire = (_, push) => ({ fromKey: push }) }: Oddity) {
  const clock = new VirtualClock()
  const random = seededRandom('odd')
  const honest = new SoftwareAuthenticator({ random, clock, pin, ...options })
  const device = new SecurityKeyDevice(
    {
      async answer(request, ask) {
        const bytes = await honest.answer(request, ask)
        const map = bytes.length > 1 ? decodeCbor(bytes.subarray(1)) : undefined
        if (!(map instanceof Map)) return bytes
        const changed = answer(request[0] ?? 0, map)
        return concatBytes(Uint8Array.of(0), changed instanceof Map ? encodeCbor(changed) : changed)
      },
    },
    { clock, random, touch: { afterMilliseconds: 1500 } },
  )
  let ends: ReturnType<typeof wire> | undefined
  const memory = new MemoryDevice(clock, (report, push) => {
    ends ??= wire(clock, push)
    const { toKey = same => same, fromKey } = ends
    device.receive(toKey(report), fromKey)
  })
  const transport = new MemoryTransport()
  transport.devices.push(memory)
  const [key] = await openAuthenticators({ clock, random, transport }).list()
  if (!key) throw new Error('no key')
  return key
}

/** A registration and a login, with the PIN where `pinned`. */
async function isOfUse(oddity: Oddity, pinned: boolean): Promise<void> {
  const key = await odd(oddity)
  const token = async () => (pinned ? key.verifyUser({ pin, permissions: ['mc', 'ga'], rpId }) : undefined)
  let notices = 0
  const onTouchNeeded = () => notices++
  const made = await key.makeCredential({ ...registration(), token: await token() }, { onTouchNeeded })
  const { credentialId: id, publicKey } = parseAttested(made.authData)
  const request = { rpId, clientDataHash, allowList: [{ id }] }
  const got = await key.getAssertion({ ...request, token: await token() }, { onTouchNeeded })
  expect(got.credentialId).toEqual(id)
  expect(isSigned(publicKey, got, clientDataHash)).toBe(true)
  expect(notices).toBe(2)
  expect(await key.hasCredential({ rpId, credentials: [{ id: sha256('another') }] })).toBe(false)
}

const withMembers = (map: CborMap, ...members: readonly (readonly [number | string, CborValue])[]): CborMap =>
  new Map([...map, ...members])

const info =
  (...members: readonly (readonly [number, CborValue])[]): NonNullable<Oddity['answer']> =>
  (kind, map) =>
    kind === command.getInfo ? withMembers(map, ...members) : map

const options = (map: CborMap, ...members: readonly (readonly [string, CborValue])[]): CborMap => {
  const held = map.get(4)
  return withMembers(map, [4, withMembers(held instanceof Map ? held : new Map(), ...members)])
}

/** The members in the reverse of the order that CTAP2 wants. */
const disordered = (map: CborMap): Uint8Array =>
  concatBytes(
    Uint8Array.of(0xa0 | map.size),
    ...[...map]
      .reverse()
      .flatMap(([name, value]) => [
        encodeCbor(name),
        value instanceof Map && value.size < 24 ? disordered(value) : encodeCbor(value),
      ]),
  )

describe.each<[string, NonNullable<Oddity['answer']>]>([
  [
    'members, options and extensions that nobody knows',
    (kind, map) =>
      kind === command.getInfo
        ? withMembers(
            options(map, ['futurePower', true], ['count', 3], ['uv', false]),
            [2, ['credProtect', 'x-future', 7]],
            [0x40, mapOf([-1, [mapOf(['deep', [[mapOf(['er', null])]]])]])],
            [-3, 'below zero'],
            ['text', true],
          )
        : map,
  ],
  ['versions yet to come', info([1, ['FIDO_2_0', 'FIDO_2_1', 'FIDO_2_2', 'FIDO_2_3', 'FIDO_2_9', 'FIDO_3_0']])],
  ['the draft’s version', info([1, ['U2F_V2', 'FIDO_2_0', 'FIDO_2_1_PRE']])],
  ['a protocol that nobody knows first', info([6, [3, 2, 1]])],
  ['protocol 1 alone, said twice', info([6, [1, 1]])],
  ['an answer of more than a kilobyte', info([0x41, new Uint8Array(3000)])],
  ['no sizes', (kind, map) => (kind === command.getInfo ? new Map([...map].filter(([name]) => name !== 5)) : map)],
  ['a size beyond what a message carries', info([5, 0xffff_ffff], [7, 1000])],
  ['members in no order', (_, map) => disordered(map)],
  [
    'more than it was asked for',
    (kind, map) => {
      if (kind === command.makeCredential) return withMembers(map, [4, true], [5, new Uint8Array(32)], [6, mapOf()])
      if (kind !== command.getAssertion) return map
      return withMembers(
        map,
        [4, mapOf(['id', Uint8Array.of(1)], ['icon', 'x'], ['name', null])],
        [5, 3],
        [6, true],
        [9, []],
      )
    },
  ],
  [
    'an assertion that leaves the only credential out',
    (kind, map) => (kind === command.getAssertion ? new Map([...map].filter(([name]) => name !== 1)) : map),
  ],
  [
    'a statement of a format yet to come',
    (kind, map) =>
      kind === command.makeCredential
        ? withMembers(map, [1, 'x-future'], [3, mapOf(['odd', [null, mapOf([1, false])]], ['ver', 2 ** 40])])
        : map,
  ],
  [
    'no attestation statement at all',
    (kind, map) =>
      kind === command.makeCredential
        ? new Map([...map].filter(([name]) => name !== 3).map(([name, value]) => [name, name === 1 ? 'none' : value]))
        : map,
  ],
])('a key with %s', (_, answer) => {
  test('is of use', () => isOfUse({ answer }, false))
  test('is of use with its PIN', () => isOfUse({ answer }, true))
})

/** The key's channel goes by another number between us and it. */
function renumbered(number: number): NonNullable<Oddity['wire']> {
  return (_, push) => {
    let own: number | undefined
    const channelOf = (report: Uint8Array) => new DataView(report.buffer, report.byteOffset).getUint32(0)
    const put = (report: Uint8Array, at: number, channel: number) => {
      const changed = report.slice()
      new DataView(changed.buffer).setUint32(at, channel)
      return changed
    }
    return {
      toKey: report => (own !== undefined && channelOf(report) === number ? put(report, 0, own) : report),
      fromKey: report => {
        if (channelOf(report) !== 0xffff_ffff) return push(put(report, 0, number))
        own = new DataView(report.buffer, report.byteOffset).getUint32(15)
        push(put(report, 15, number))
      },
    }
  }
}

/** Each report goes its way so many milliseconds after the one before. */
const slowed =
  (milliseconds: (report: Uint8Array) => number): NonNullable<Oddity['wire']> =>
  (clock, push) => {
    let last: Promise<void> = Promise.resolve()
    return {
      fromKey: report => {
        last = last.then(() => clock.sleep(milliseconds(report))).then(() => push(report))
      },
    }
  }

const isInit = (report: Uint8Array) => report[4] === 0x86
const keepalive = (channel: Uint8Array, ...payload: number[]) => {
  const report = new Uint8Array(64)
  report.set([...channel, 0xbb, 0, payload.length, ...payload])
  return report
}

describe.each<[string, NonNullable<Oddity['wire']>]>([
  ['whose channel has the highest number', renumbered(0xffff_fffe)],
  ['whose channel has the sign bit alone', renumbered(0x8000_0000)],
  ['whose channel is the first', renumbered(1)],
  ['that takes its time to give a channel', slowed(report => (isInit(report) ? 4000 : 1))],
  ['whose reports come one by one, far apart', slowed(() => 2500)],
  [
    'that sends KEEPALIVE dozens of times, and in the middle of its answers',
    (_, push) => ({
      fromKey: report => {
        const channel = report.slice(0, 4)
        if (!isInit(report)) for (let time = 0; time < 40; time++) push(keepalive(channel, 1))
        push(report)
      },
    }),
  ],
  [
    'whose reports end with what was in its memory',
    (_, push) => ({
      fromKey: report => {
        const isFirst = ((report[4] ?? 0) & 0x80) !== 0
        const length = isFirst ? 7 + new DataView(report.buffer, report.byteOffset).getUint16(5) : 64
        push(report.map((byte, at) => (at < length ? byte : 0xee)))
      },
    }),
  ],
  [
    'whose INIT tells more than we know',
    (_, push) => ({
      fromKey: report =>
        push(report.map((byte, at) => (isInit(report) && at === 6 ? 19 : isInit(report) && at > 23 ? 9 : byte))),
    }),
  ],
])('a key %s', (_, wire) => {
  test('is of use', () => isOfUse({ wire }, false))
  test('is of use with its PIN', () => isOfUse({ wire }, true))
})
