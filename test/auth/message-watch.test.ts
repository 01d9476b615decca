import { expect, test } from 'vitest'
import type { ApiClient } from '../../src/api/client.ts'
import { ApiError } from '../../src/api/errors.ts'
import { MessageFailedError } from '../../src/auth/errors.ts'
import { type Resend, whileUnderWay } from '../../src/auth/message-watch.ts'
import type { CodeSent } from '../../src/contract/schemas.ts'
import { FakeApiClient } from '../support/fake-api-client.ts'
import { SteppedClock } from '../support/stepped-clock.ts'

const time = '2026-11-22T13:05:00.000Z'
const messageOf = (letter: string): CodeSent => ({
  channel: 'email',
  destination: 'a***e@g***l.com',
  expires_at: time,
  resend_at: time,
  message_id: letter.repeat(22),
})

type Told = { state: 'queued' | 'sent' | 'delivered' | 'failed'; failure: 'refused' | null }
type Fate = Told | Promise<Told> | Error | 'silence'

/** Lets everything that waits for nothing come to its end. */
const settle = () => new Promise(resolve => setImmediate(resolve))

/** Somebody who waits for a code until they are told `answer`, and what the server says of the messages meanwhile. */
function stage(fates: Record<string, Fate[]>, sent: CodeSent | null = messageOf('a')) {
  const clock = new SteppedClock()
  const asked: string[] = []
  const events: string[] = []
  const signals: AbortSignal[] = []
  const api: ApiClient = Object.assign(new FakeApiClient(), {
    call: async (_operation: unknown, given: { params: { message_id: string }; signal: AbortSignal }) => {
      const letter = given.params.message_id.charAt(0)
      asked.push(letter)
      signals.push(given.signal)
      const fate = fates[letter]?.shift()
      if (fate === undefined) throw new Error('asked too often')
      if (fate === 'silence') return new Promise<never>(() => {})
      if (fate instanceof Error) throw fate
      return fate
    },
  }) as never
  let answer: (code: string) => void = () => {}
  let resend: Resend | undefined
  let stop: AbortSignal | undefined
  const next: CodeSent[] = [messageOf('b'), messageOf('c')]
  const send: Resend = async () => {
    const message = next.shift()
    if (!message) throw new ApiError('throttled')
    return message
  }
  const outcome = whileUnderWay(
    {
      api,
      clock,
      interaction: {
        event: (name, { message_id, channel, state, failure }) =>
          void events.push(`${name} ${String(message_id).charAt(0)} ${channel} ${state} ${failure}`),
      },
    },
    sent ?? undefined,
    send,
    (signal, again) => {
      stop = signal
      resend = again
      return new Promise((resolve, reject) => {
        answer = resolve
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    },
  ).catch((error: unknown) => error)
  return {
    asked,
    events,
    signals,
    outcome,
    isStopped: () => stop?.aborted,
    answer: (code: string) => answer(code),
    resend: () => resend?.(),
    async pass(milliseconds: number) {
      clock.advance(milliseconds)
      await settle()
    },
  }
}
const queued = { state: 'queued', failure: null } as const
const sentOff = { state: 'sent', failure: null } as const
const delivered = { state: 'delivered', failure: null } as const
const failed = { state: 'failed', failure: 'refused' } as const

test('it asks after two seconds, and every two from then on', async () => {
  const { asked, pass, answer, outcome, events } = stage({ a: [queued, sentOff, sentOff] })
  await pass(1999)
  expect(asked).toEqual([])
  await pass(1)
  expect(asked).toEqual(['a'])
  await pass(1999)
  expect(asked).toEqual(['a'])
  await pass(1)
  await pass(2000)
  expect(asked).toEqual(['a', 'a', 'a'])
  answer('123456')
  expect(await outcome).toBe('123456')
  expect(events).toEqual([])
})

test('it stops once the message has arrived, and says so once', async () => {
  const { asked, pass, answer, outcome, events } = stage({ a: [delivered] })
  for (let second = 0; second < 20; second += 1) await pass(1000)
  expect(asked).toEqual(['a'])
  expect(events).toEqual(['message a email delivered null'])
  answer('123456')
  expect(await outcome).toBe('123456')
})

test('a failed message ends the wait, and says why', async () => {
  const { pass, outcome, events, isStopped } = stage({ a: [queued, failed] })
  await pass(2000)
  expect(isStopped()).toBe(false)
  await pass(2000)
  expect(isStopped()).toBe(true)
  expect(await outcome).toBeInstanceOf(MessageFailedError)
  expect(await outcome).toMatchObject({ code: 'message_failed', channel: 'email', failure: 'refused' })
  expect(events).toEqual(['message a email failed refused'])
})

test('what cannot be found out is asked again', async () => {
  const faults = [new ApiError('server_unreachable'), new ApiError('not_found', { status: 404 }), new TypeError('x')]
  const { pass, outcome, asked } = stage({ a: [...faults, failed] })
  for (const _ of faults) await pass(2000)
  expect(asked).toHaveLength(3)
  await pass(2000)
  expect(await outcome).toMatchObject({ code: 'message_failed' })
})

test('nothing is asked any more once the code is there, and a question under way is given up', async () => {
  const { pass, answer, outcome, asked, signals } = stage({ a: ['silence'] })
  await pass(2000)
  expect(signals[0]?.aborted).toBe(false)
  answer('123456')
  expect(await outcome).toBe('123456')
  expect(signals[0]?.aborted).toBe(true)
  await pass(60_000)
  expect(asked).toEqual(['a'])
})

test('what the server says when the code is there already counts for nothing', async () => {
  let tell: (told: Told) => void = () => {}
  const late = new Promise<Told>(resolve => {
    tell = resolve
  })
  const { pass, answer, outcome, events, isStopped } = stage({ a: [late] })
  await pass(2000)
  answer('123456')
  expect(await outcome).toBe('123456')
  tell(failed)
  await pass(0)
  expect(events).toEqual([])
  expect(isStopped()).toBe(false)
})

test('another code takes the place of the first, also of one that has arrived', async () => {
  const { pass, resend, outcome, asked, events } = stage({ a: [delivered], b: [queued, failed] })
  await pass(2000)
  await resend()
  await pass(2000)
  await pass(2000)
  expect(asked).toEqual(['a', 'b', 'b'])
  expect(events).toEqual(['message a email delivered null', 'message b email failed refused'])
  expect(await outcome).toMatchObject({ code: 'message_failed' })
})

test('where no other code can be sent the first is watched on', async () => {
  const { pass, resend, answer, outcome, asked } = stage({ a: [queued], b: [queued], c: [queued, queued] })
  await resend()
  await resend()
  await expect(resend()).rejects.toMatchObject({ code: 'throttled' })
  await pass(2000)
  expect(asked).toEqual(['c'])
  answer('1')
  await outcome
})

test('without a message nothing is asked, until one is sent', async () => {
  const { pass, resend, asked, answer, outcome } = stage({ b: [queued] }, null)
  await pass(10_000)
  expect(asked).toEqual([])
  await resend()
  await pass(2000)
  expect(asked).toEqual(['b'])
  answer('1')
  await outcome
})
