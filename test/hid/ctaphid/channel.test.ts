import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Channel, defaultTimings, openChannel } from '../../../src/hid/ctaphid/channel.ts'
import { command } from '../../../src/hid/ctaphid/constants.ts'
import { framesOf } from '../../../src/hid/ctaphid/framing.ts'
import { CtapError, type KeyErrorCode } from '../../../src/hid/errors.ts'
import { concatBytes, fromHex, toHex } from '../../../src/lib/bytes.ts'
import { SecurityKeyDevice } from '../../../src/simulators/security-key/index.ts'
import { connectedTo, MemoryDevice, type Responder } from '../../support/memory-device.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const id = 0x11223344
const initAnswer = (report: Uint8Array, channel = id): Uint8Array[] =>
  framesOf(0xffffffff, {
    command: command.init,
    payload: concatBytes(
      report.subarray(7, 15),
      framesOf(channel, { command: 1, payload: new Uint8Array() })[0]?.subarray(0, 4) ?? report,
      fromHex('0205040304'),
    ),
  })
const isInit = (report: Uint8Array) => report[4] === (command.init | 0x80)
const isCancel = (report: Uint8Array) => report[4] === (command.cancel | 0x80)
const frames = (kind: number, payload: Uint8Array, channel = id) => framesOf(channel, { command: kind, payload })
const none = new Uint8Array()

async function codeOf(promise: Promise<unknown>): Promise<KeyErrorCode | 'none'> {
  try {
    await promise
    return 'none'
  } catch (error) {
    if (error instanceof CtapError) return error.code
    throw error
  }
}

/** A channel to a device that answers INIT, and everything else as `responder` does. */
async function scripted(responder: Responder, clock = new VirtualClock()) {
  const device = new MemoryDevice(clock, (report, push) => {
    if (isInit(report) && toHex(report.subarray(0, 4)) === 'ffffffff') initAnswer(report).forEach(push)
    else responder(report, push)
  })
  const channel = await openChannel(device, { clock, random: seededRandom('channel') })
  return { device, clock, channel }
}

describe('opening a channel', () => {
  test('asks with a nonce, and reads version and capabilities', async () => {
    const { channel, device } = await scripted(() => {})
    expect(channel).toMatchObject({ id, protocolVersion: 2, deviceVersion: [5, 4, 3], capabilities: 4 })
    expect(device.written).toHaveLength(1)
    expect(toHex(device.written[0] ?? none)).toMatch(/^ffffffff860008[0-9a-f]{16}0{98}$/)
  })

  test('skips answers to others: another nonce, another command, broken packets', async () => {
    const clock = new VirtualClock()
    const device = new MemoryDevice(clock, (report, push) => {
      const other = report.slice()
      other[7] = (other[7] ?? 0) ^ 1
      initAnswer(other, 0x55555555).forEach(push)
      push(fromHex('ffffffff90'.padEnd(128, '0')))
      push(fromHex('ffffffff861dff'.padEnd(128, '0')))
      push(fromHex('ffffffff00'.padEnd(128, '0')))
      initAnswer(report).forEach(push)
    })
    expect((await openChannel(device, { clock, random: seededRandom('nonce') })).id).toBe(id)
  })

  test('takes no answer that is too short for what it has to say', async () => {
    const clock = new VirtualClock()
    const device = new MemoryDevice(clock, (report, push) => {
      const [short = none] = initAnswer(report, 0x55555555)
      short[6] = 16
      push(short)
      initAnswer(report).forEach(push)
    })
    expect((await openChannel(device, { clock, random: seededRandom('short') })).id).toBe(id)
  })

  test('gives up on a device that is silent, and on one that only answers others', async () => {
    const clock = new VirtualClock()
    const random = seededRandom('silent')
    expect(await codeOf(openChannel(new MemoryDevice(clock, () => {}), { clock, random }))).toBe('key_silent')
    const chatty = new MemoryDevice(clock, (_report, push) => void chatter(push))
    const chatter = async (push: (report: Uint8Array) => void) => {
      for (let count = 0; count < 1000; count++) {
        push(fromHex('ffffffff860011'.padEnd(128, '7')))
        await clock.sleep(50)
      }
    }
    expect(await codeOf(openChannel(chatty, { clock, random }))).toBe('key_silent')
  })

  test('tries a busy key again, and in the end says that it is busy', async () => {
    const clock = new VirtualClock()
    const random = seededRandom('busy')
    let refusals = 3
    const busy = () => frames(command.error, Uint8Array.of(6), 0xffffffff)
    const device = new MemoryDevice(clock, (report, push) => {
      for (const frame of refusals-- > 0 ? busy() : initAnswer(report)) push(frame)
    })
    expect((await openChannel(device, { clock, random })).id).toBe(id)
    refusals = Number.POSITIVE_INFINITY
    expect(await codeOf(openChannel(device, { clock, random }))).toBe('key_busy')
  })

  test('can be aborted', async () => {
    const clock = new VirtualClock()
    const signal = AbortSignal.abort()
    const options = { clock, random: seededRandom('abort'), signal }
    expect(await codeOf(openChannel(new MemoryDevice(clock, () => {}), options))).toBe('key_cancelled')
  })
})

describe('a call', () => {
  test('gives the answer, whatever other channels say meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 500 }),
        fc.array(fc.nat(7), { maxLength: 8 }),
        async (payload, cuts) => {
          const { channel } = await scripted((report, push) => {
            if (report[4] !== 0x90) return
            const answer = frames(command.cbor, payload)
            for (const cut of cuts)
              answer.splice(cut % (answer.length + 1), 0, ...frames(command.cbor, Uint8Array.of(9), id + 1))
            answer.forEach(push)
          })
          expect(await channel.call(command.cbor, Uint8Array.of(4))).toEqual(payload)
        },
      ),
    )
  })

  test('reports each KEEPALIVE, and waits as long as they come', async () => {
    const statuses: number[] = []
    const { channel, clock } = await scripted((_report, push) => {
      void (async () => {
        for (const status of [1, 1, 2, 2]) {
          frames(command.keepalive, Uint8Array.of(status)).forEach(push)
          await clock.sleep(defaultTimings.silence - 1)
        }
        frames(command.cbor, Uint8Array.of(0)).forEach(push)
      })()
    })
    const answer = await channel.call(command.cbor, none, { onKeepalive: status => statuses.push(status) })
    expect([answer, statuses]).toEqual([Uint8Array.of(0), [1, 1, 2, 2]])
  })

  test('ends when KEEPALIVE never does, and tells the key', async () => {
    const { channel, clock, device } = await scripted((report, push) => {
      if (!isCancel(report)) void endless(push)
    })
    const endless = async (push: (report: Uint8Array) => void) => {
      for (let count = 0; count < 5000; count++) {
        frames(command.keepalive, Uint8Array.of(1)).forEach(push)
        await clock.sleep(100)
      }
    }
    expect(await codeOf(channel.call(command.cbor, none, { timeout: 10_000 }))).toBe('key_timeout')
    expect(device.countOf(command.cancel)).toBe(1)
  })

  test('ends after silence, though other channels are loud', async () => {
    const { channel, clock } = await scripted((_report, push) => void loud(push))
    const loud = async (push: (report: Uint8Array) => void) => {
      for (let count = 0; count < 1000; count++) {
        frames(command.keepalive, Uint8Array.of(2), id + 1).forEach(push)
        await clock.sleep(50)
      }
    }
    const begun = clock.now()
    expect(await codeOf(channel.call(command.cbor, none))).toBe('key_silent')
    expect(clock.now() - begun).toBe(defaultTimings.silence)
  })

  test.each<[string, KeyErrorCode, () => Uint8Array[]]>([
    ['an answer cut short', 'key_protocol', () => frames(command.cbor, new Uint8Array(100)).slice(0, 1)],
    [
      'a packet out of sequence',
      'key_protocol',
      () => frames(command.cbor, new Uint8Array(200)).filter((_, i) => i !== 1),
    ],
    ['another command', 'key_protocol', () => frames(command.msg, none)],
    ['an impossible length', 'key_protocol', () => [fromHex('1122334490ffff'.padEnd(128, '0'))]],
    ['a refused command', 'key_protocol', () => frames(command.error, Uint8Array.of(1))],
    ['an invalid channel', 'key_protocol', () => frames(command.error, Uint8Array.of(0x0b))],
    ['busy for good', 'key_busy', () => frames(command.error, Uint8Array.of(6))],
    ['an empty ERROR', 'key_protocol', () => frames(command.error, none)],
  ])('fails on %s with %s', async (_, code, answer) => {
    const { channel } = await scripted((_report, push) => answer().forEach(push))
    expect(await codeOf(channel.call(command.cbor, none))).toBe(code)
  })

  test('waits for no other: there is one at a time', async () => {
    const { channel } = await scripted((_report, push) => frames(command.cbor, none).forEach(push))
    const first = channel.call(command.cbor, none)
    await expect(channel.call(command.cbor, none)).rejects.toThrow('one call at a time')
    expect(await first).toEqual(none)
    expect(await channel.call(command.cbor, none)).toEqual(none)
  })

  test('tries a busy key again', async () => {
    let refusals = 2
    const busy = frames(command.error, Uint8Array.of(6))
    const answer = frames(command.cbor, none)
    const { channel } = await scripted((_report, push) => (refusals-- > 0 ? busy : answer).forEach(push))
    expect(await codeOf(channel.call(command.cbor, none))).toBe('none')
  })

  test('fails when the key is pulled out, before or while it answers', async () => {
    const { channel, device } = await scripted((report, push) => {
      if (report[4] === 0x90) {
        frames(command.keepalive, Uint8Array.of(2)).forEach(push)
        setImmediate(() => device.unplug())
      }
    })
    expect(await codeOf(channel.call(command.cbor, none))).toBe('key_unplugged')
    expect(await codeOf(channel.call(command.cbor, none))).toBe('key_unplugged')
  })

  test('after a broken answer, the next call first makes the key forget it', async () => {
    let calls = 0
    const { channel, device } = await scripted((report, push) => {
      if (isInit(report)) {
        const answer = initAnswer(report)[0] ?? none
        answer.set(report.subarray(0, 4))
        push(answer)
      } else if (calls++ > 0) frames(command.cbor, Uint8Array.of(7)).forEach(push)
    })
    expect(await codeOf(channel.call(command.cbor, none))).toBe('key_silent')
    device.push(frames(command.cbor, Uint8Array.of(6))[0] ?? none)
    expect(await channel.call(command.cbor, none)).toEqual(Uint8Array.of(7))
    expect(device.countOf(command.init)).toBe(2)
  })
})

describe('aborting', () => {
  const blinking: (answer: (push: (report: Uint8Array) => void) => void) => Responder = answer => (report, push) => {
    if (isCancel(report)) answer(push)
    else frames(command.keepalive, Uint8Array.of(2)).forEach(push)
  }

  async function abortWhileBlinking(
    responder: Responder,
  ): Promise<{ channel: Channel; device: MemoryDevice; code: string }> {
    const { channel, device } = await scripted(responder)
    const abort = new AbortController()
    const onKeepalive = () => abort.abort()
    const code = await codeOf(channel.call(command.cbor, none, { signal: abort.signal, onKeepalive }))
    return { channel, device, code }
  }

  test('sends CANCEL and waits for the key to let go', async () => {
    const letGo = blinking(push => frames(command.cbor, Uint8Array.of(0x2d)).forEach(push))
    const { code, device } = await abortWhileBlinking(letGo)
    expect([code, device.countOf(command.cancel)]).toEqual(['key_cancelled', 1])
    const cancel = device.written.find(isCancel) ?? none
    expect(toHex(cancel)).toBe('11223344910000'.padEnd(128, '0'))
  })

  test('is the last that is heard of KEEPALIVE, and U2F, which knows no CANCEL, is sent none', async () => {
    const { channel, device, clock } = await scripted((_report, push) => void blinks(push))
    const blinks = async (push: (report: Uint8Array) => void) => {
      for (let count = 0; count < 5; count++) {
        frames(command.keepalive, Uint8Array.of(2)).forEach(push)
        await clock.sleep(50)
      }
    }
    const abort = new AbortController()
    let heard = 0
    const onKeepalive = () => {
      heard++
      abort.abort()
    }
    expect(await codeOf(channel.call(command.msg, none, { signal: abort.signal, onKeepalive }))).toBe('key_cancelled')
    expect([heard, device.countOf(command.cancel)]).toEqual([1, 0])
  })

  test('does not wait for ever', async () => {
    const { code, device } = await abortWhileBlinking(blinking(() => {}))
    expect([code, device.countOf(command.cancel)]).toEqual(['key_cancelled', 1])
  })

  test('does not wait for ever on a key that goes on blinking', async () => {
    const clock = new VirtualClock()
    const endless = async (push: (report: Uint8Array) => void) => {
      for (let count = 0; count < 500; count++) {
        frames(command.keepalive, Uint8Array.of(2)).forEach(push)
        await clock.sleep(100)
      }
    }
    const { channel, device } = await scripted((report, push) => void (isCancel(report) || endless(push)), clock)
    const abort = new AbortController()
    const call = channel.call(command.cbor, none, { signal: abort.signal, onKeepalive: () => abort.abort() })
    expect(await codeOf(call)).toBe('key_cancelled')
    expect(device.countOf(command.cancel)).toBe(1)
  })

  test('is no less an abort when the answer crosses it', async () => {
    const { code } = await abortWhileBlinking(blinking(push => frames(command.cbor, Uint8Array.of(0)).forEach(push)))
    expect(code).toBe('key_cancelled')
  })

  test('beforehand sends nothing', async () => {
    const { channel, device } = await scripted(() => {})
    expect(await codeOf(channel.call(command.cbor, none, { signal: AbortSignal.abort() }))).toBe('key_cancelled')
    expect(device.written).toHaveLength(1)
  })

  test('ends what is said to a key that takes no more, whether that is the message or CANCEL', async () => {
    const clock = new VirtualClock()
    const stuck = async (isStuck: (report: Uint8Array) => boolean) => {
      const device = new MemoryDevice(clock, (report, push) => {
        if (isInit(report)) initAnswer(report).forEach(push)
        else frames(command.keepalive, Uint8Array.of(2)).forEach(push)
      })
      const write = device.write.bind(device)
      device.write = report => (isStuck(report) ? new Promise(() => {}) : write(report))
      const channel = await openChannel(device, { clock, random: seededRandom('stuck') })
      const abort = new AbortController()
      const begun = clock.now()
      void clock.sleep(100).then(() => abort.abort())
      const code = await codeOf(channel.call(command.cbor, none, { signal: abort.signal }))
      return [code, clock.now() - begun]
    }
    const outcome = ['key_cancelled', 100 + defaultTimings.cancel]
    expect(await stuck(report => report[4] === 0x90)).toEqual(outcome)
    expect(await stuck(isCancel)).toEqual(outcome)
  })

  test('what the channel was opened for ends every call on it', async () => {
    const clock = new VirtualClock()
    const { device } = await scripted(
      blinking(push => frames(command.cbor, Uint8Array.of(0x2d)).forEach(push)),
      clock,
    )
    const over = new AbortController()
    const channel = await openChannel(device, { clock, random: seededRandom('life'), lifetime: over.signal })
    const call = codeOf(channel.call(command.cbor, none, { onKeepalive: () => over.abort() }))
    expect([await call, device.countOf(command.cancel)]).toEqual(['key_cancelled', 1])
    const other = { signal: new AbortController().signal }
    expect(await codeOf(channel.call(command.cbor, none, other))).toBe('key_cancelled')
  })

  test('leaves a channel that can be used again', async () => {
    const { channel } = await abortWhileBlinking((report, push) => {
      if (isCancel(report)) frames(command.cbor, Uint8Array.of(0x2d)).forEach(push)
      else if (report[4] === 0x81) frames(command.ping, report.subarray(7, 9)).forEach(push)
      else frames(command.keepalive, Uint8Array.of(2)).forEach(push)
    })
    expect(await channel.call(command.ping, Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2))
  })
})

test('two programs share a key: channels of their own, and busy while one is served', async () => {
  const clock = new VirtualClock()
  const random = seededRandom('shared')
  const answers: (() => void)[] = []
  const slow = { answer: () => new Promise<Uint8Array>(resolve => answers.push(() => resolve(Uint8Array.of(0)))) }
  const key = new SecurityKeyDevice(slow, { clock, random })
  const device = connectedTo(clock, key)
  const one = await openChannel(device, { clock, random })
  const other = await openChannel(connectedTo(clock, key), { clock, random })
  expect(one.id).not.toBe(other.id)
  const timings = { ...defaultTimings, silence: 1e9, answer: 1e9 }
  const patient = await openChannel(device, { clock, random, timings })
  const first = patient.call(command.cbor, Uint8Array.of(4))
  expect(await codeOf(other.call(command.cbor, Uint8Array.of(4)))).toBe('key_busy')
  for (const answer of answers) answer()
  expect(await first).toEqual(Uint8Array.of(0))
  const echo = new Uint8Array(3000).fill(5)
  expect(await other.call(command.ping, echo)).toEqual(echo)
})
