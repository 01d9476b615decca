import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultTimings, openChannel } from '../../../src/hid/ctaphid/channel.ts'
import { command } from '../../../src/hid/ctaphid/constants.ts'
import { framesOf } from '../../../src/hid/ctaphid/framing.ts'
import type { HidDevice } from '../../../src/hid/device.ts'
import { CtapError } from '../../../src/hid/errors.ts'
import { concatBytes, fromHex } from '../../../src/lib/bytes.ts'
import { MemoryDevice } from '../../support/memory-device.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const own = 0x11223344
const broadcast = 0xffff_ffff
const other = 0x55667788

/** What is done to the reports of an honest answer. */
type Mischief = (frames: Uint8Array[]) => void

const pick = (frames: Uint8Array[], index: number) => index % Math.max(1, frames.length)
const index = fc.nat(200)
const strange: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.constantFrom(own, own, broadcast, other), fc.uint8Array({ minLength: 60, maxLength: 60 }))
  .map(([channel, rest]) => concatBytes(channelBytes(channel), rest))
const onPurpose: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.constantFrom(...Object.values(command)), fc.uint8Array({ maxLength: 100 }), fc.constantFrom(own, broadcast))
  .map(([kind, payload, channel]) => framesOf(channel, { command: kind, payload })[0] ?? new Uint8Array(64))

const mischief: fc.Arbitrary<Mischief> = fc.oneof(
  index.map(
    (at): Mischief =>
      frames =>
        void frames.splice(pick(frames, at), 1),
  ),
  index.map(
    (at): Mischief =>
      frames =>
        void frames.splice(at, 0, ...frames.slice(pick(frames, at), at + 1)),
  ),
  fc.tuple(index, index).map(
    ([from, to]): Mischief =>
      frames => {
        frames.splice(to, 0, ...frames.splice(pick(frames, from), 1))
      },
  ),
  fc.tuple(index, fc.nat(63)).map(
    ([at, length]): Mischief =>
      frames => {
        const target = frames[pick(frames, at)]
        if (target) frames[pick(frames, at)] = target.slice(0, length)
      },
  ),
  fc.tuple(index, fc.nat(63), fc.nat(255)).map(
    ([at, byte, value]): Mischief =>
      frames => {
        const target = frames[pick(frames, at)]
        if (target && byte < target.length) target[byte] = value
      },
  ),
  fc.tuple(index, fc.oneof(strange, onPurpose, fc.uint8Array({ maxLength: 80 }))).map(([at, report]): Mischief => {
    return frames => void frames.splice(at, 0, report)
  }),
)

function channelBytes(channel: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, channel)
  return bytes
}

/** The reports that an honest key of one channel answers to a report; echoes what it is asked. */
function honestly(report: Uint8Array): Uint8Array[] {
  const channel = new DataView(report.buffer).getUint32(0)
  const kind = (report[4] ?? 0) & 0x7f
  if (kind === command.init) {
    const payload = concatBytes(report.slice(7, 15), channelBytes(own), fromHex('0205040304'))
    return framesOf(channel, { command: kind, payload })
  }
  if (kind === command.cancel) return []
  const payload = new Uint8Array(300).fill(report[7] ?? 0)
  return framesOf(channel, { command: kind, payload })
}

const limit = 10_000
/** Twice an attempt (busy, INIT, sending, the answer, CANCEL), and a new channel between the two. */
const { silence, busy, busyPause, cancel } = defaultTimings
const longest = 2 * (busy + busyPause + 2 * silence + limit + cancel + silence) + busy + busyPause + 2 * silence

describe('a stream of reports, however it is maimed', () => {
  test('ends in an answer or in an error, in time; and then the key is of use again', async () => {
    const delay = fc.constantFrom(0, 0, 0, 30, 90, 700, 4_900, 11_000)
    const answers = fc.array(fc.tuple(fc.array(mischief, { maxLength: 6 }), fc.array(delay, { minLength: 1 })), {
      minLength: 1,
      maxLength: 4,
    })
    await fc.assert(
      fc.asyncProperty(answers, async script => {
        const clock = new VirtualClock()
        const random = seededRandom('hostile')
        let mode: 'hostile' | 'silent' | 'honest' = 'hostile'
        let round = 0
        const hostilely = async (report: Uint8Array, push: (report: Uint8Array) => void) => {
          const [changes, delays] = script[round++ % script.length] ?? [[], [0]]
          const frames = honestly(report)
          for (const change of changes) change(frames)
          for (const [at, frame] of frames.entries()) {
            const pause = delays[at % delays.length] ?? 0
            if (pause > 0) await clock.sleep(pause)
            push(frame)
          }
        }
        const device = new MemoryDevice(clock, (report, push) => {
          if (mode === 'hostile') void hostilely(report, push)
          if (mode === 'honest') honestly(report).forEach(push)
        })
        const settled = async <T>(doing: Promise<T>): Promise<T | undefined> => {
          const begun = clock.now()
          const outcome = await doing.catch((error: unknown) => {
            expect(error).toBeInstanceOf(CtapError)
            return undefined
          })
          expect(clock.now() - begun).toBeLessThanOrEqual(longest)
          return outcome
        }
        const opened = await settled(openChannel(device, { clock, random }))
        if (!opened) mode = 'honest'
        const channel = opened ?? (await openChannel(device, { clock, random }))
        for (const value of [1, 2, 3]) {
          await settled(channel.call(command.cbor, Uint8Array.of(value), { timeout: limit }))
        }
        mode = 'silent'
        await clock.sleep(3_600_000)
        while (await device.read(1));
        await settled(channel.call(command.cbor, Uint8Array.of(4), { timeout: limit }))
        mode = 'honest'
        expect(await channel.call(command.cbor, Uint8Array.of(5))).toEqual(new Uint8Array(300).fill(5))
      }),
      { numRuns: 400 },
    )
  })

  test('of random bytes alone ends, too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(strange, fc.uint8Array({ maxLength: 70 })), { maxLength: 60 }),
        async noise => {
          const clock = new VirtualClock()
          const device = new MemoryDevice(clock, (_report, push) => noise.forEach(push))
          const opening = openChannel(device, { clock, random: seededRandom('noise') })
          await expect(opening).rejects.toMatchObject({ code: 'key_silent' })
        },
      ),
    )
  })
})

describe('a flood', () => {
  /** A device that always has a report, and a millisecond passes with every tenth. */
  function flooding(frame: Uint8Array) {
    const clock = new VirtualClock()
    let time = clock.now()
    const running = { now: () => time, sleep: clock.sleep.bind(clock) }
    let reads = 0
    let isOpening = true
    let nonce: Uint8Array = new Uint8Array(8)
    const device: HidDevice = {
      path: '/dev/hidraw0',
      product: 'Flood',
      write: async report => {
        if (report[4] === 0x86) nonce = report.slice()
      },
      read: async () => {
        if (++reads % 10 === 0) time++
        if (!isOpening) return frame
        isOpening = false
        return honestly(nonce)[0]
      },
      close: async () => {},
    }
    return { device, clock: running }
  }

  const foreign = framesOf(other, { command: command.keepalive, payload: Uint8Array.of(2) })[0] ?? new Uint8Array(64)
  const keepalive = framesOf(own, { command: command.keepalive, payload: Uint8Array.of(2) })[0] ?? new Uint8Array(64)

  async function calling(frame: Uint8Array, signal?: AbortSignal) {
    const { device, clock } = flooding(frame)
    const channel = await openChannel(device, { clock, random: seededRandom('flood') })
    return channel.call(command.cbor, Uint8Array.of(4), { timeout: limit, signal })
  }

  test('of other channels’ reports does not prolong the wait', async () => {
    await expect(calling(foreign)).rejects.toMatchObject({ code: 'key_silent' })
  })

  test('of KEEPALIVE does not prolong it beyond its limit', async () => {
    await expect(calling(keepalive)).rejects.toMatchObject({ code: 'key_timeout' })
  })

  test.each([
    ['other channels’ reports', foreign],
    ['KEEPALIVE', keepalive],
  ])('of %s leaves the rest of the program its turns', async (_, frame) => {
    const abort = new AbortController()
    setImmediate(() => setImmediate(() => abort.abort()))
    await expect(calling(frame, abort.signal)).rejects.toMatchObject({ code: 'key_cancelled' })
  })
})
