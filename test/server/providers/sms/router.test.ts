import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SmsRoute } from '../../../../src/server/config/config.ts'
import { withHealth } from '../../../../src/server/domain/delivery/providers.ts'
import { DeliveryError } from '../../../../src/server/domain/ports/delivery-error.ts'
import { routeSms } from '../../../../src/server/providers/sms/router.ts'
import { messageTo, type Outcome, scriptedHealth, scriptedProvider } from './scripted-providers.ts'

const china = '+8613800138000'
const germany = '+4915112345678'
const names = ['aliyun', 'tencent', 'twilio'] as const
const never = new AbortController().signal

const usual: SmsRoute[] = [
  { countries: ['+86', '+852'], providers: ['aliyun', 'tencent'] },
  { countries: undefined, providers: ['twilio'] },
]

function world({
  routes = usual,
  outcomes = {},
  off = [],
  missing = [],
}: {
  routes?: SmsRoute[]
  outcomes?: Partial<Record<(typeof names)[number], Outcome[]>>
  off?: string[]
  missing?: string[]
} = {}) {
  const all = names.map(name => scriptedProvider(name, outcomes[name]))
  const health = scriptedHealth(off)
  const present = all.filter(({ name }) => !missing.includes(name))
  const providers = Object.fromEntries(present.map(one => [one.name, withHealth(one, health)]))
  const sender = routeSms({ config: { routes }, providers, health })
  const asked = () => all.filter(({ given }) => given.length > 0).map(({ name }) => name)
  const send = (to: string, signal = never) =>
    sender.send(messageTo(to), signal).then(
      ({ provider }): string => `sent by ${provider}`,
      (error: unknown) => (error instanceof DeliveryError ? `${error.provider} ${error.failure}` : String(error)),
    )
  return { all, health, sender, asked, send }
}

describe('a route', () => {
  it.each([
    [china, ['+86'], true],
    ['+85251234567', ['+852'], true],
    ['+85366123456', ['+852'], false],
    // A code is no prefix: +852 is not +85 and +8, +420 is not +42, and what follows a code is not looked at.
    ['+85251234567', ['+85', '+8'], false],
    ['+420601123456', ['+42', '+4'], false],
    [germany, ['+491', '+4915', '+4'], false],
    [germany, ['+49'], true],
    // One code, many countries: the United States, Canada, the Bahamas; Russia, Kazakhstan.
    ['+14155552671', ['+1'], true],
    ['+15062345678', ['+1'], true],
    ['+12423591234', ['+1'], true],
    ['+12423591234', ['+1242'], false],
    ['+79123456789', ['+7'], true],
    ['+77710009998', ['+7'], true],
    ['+77710009998', ['+77'], false],
    // No number at all.
    ['', ['+86'], false],
    ['+', ['+86'], false],
    ['13800138000', ['+86'], false],
    ['+999123456789', ['+999'], false],
    ['name@example.com', ['+86'], false],
  ])('%s is of %j: %s', (to, countries, isServed) => {
    const { sender } = world({ routes: [{ countries, providers: ['twilio'] }] })
    expect(sender.reach(to)).toBe(isServed ? 'available' : 'unserved')
  })

  it('is the first that matches; one for all that are left takes what can be read as a number', async () => {
    const routes: SmsRoute[] = [
      { countries: ['+86'], providers: ['aliyun'] },
      { countries: ['+86', '+49'], providers: ['tencent'] },
      { countries: undefined, providers: ['twilio'] },
    ]
    expect(await world({ routes }).send(china)).toBe('sent by aliyun')
    expect(await world({ routes }).send(germany)).toBe('sent by tencent')
    expect(await world({ routes }).send('+14155552671')).toBe('sent by twilio')
    expect(world({ routes }).sender.reach('nonsense')).toBe('unserved')
    // The first is not passed over where it is off: who serves a country is not a matter of health.
    expect(await world({ routes, off: ['aliyun'] }).send(china)).toBe('aliyun unreachable')
  })

  it('that there is not refuses the message', async () => {
    const { send, asked } = world({ routes: [{ countries: ['+86'], providers: ['aliyun'] }] })
    expect(await send(germany)).toBe('aliyun refused')
    expect(asked()).toEqual([])
  })
})

describe('reach', () => {
  it('tells who is off or missing', () => {
    expect(world().sender.reach(china)).toBe('available')
    expect(world({ off: ['aliyun'] }).sender.reach(china)).toBe('available')
    expect(world({ off: ['aliyun'], missing: ['tencent'] }).sender.reach(china)).toBe('off')
    expect(world({ off: ['aliyun', 'tencent'] }).sender.reach(germany)).toBe('available')
    expect(world({ missing: ['twilio'] }).sender.reach(germany)).toBe('off')
  })

  it('of nobody in particular asks for any provider of any route', () => {
    expect(world().sender.reach(null)).toBe('available')
    expect(world({ off: ['aliyun', 'tencent'] }).sender.reach(null)).toBe('available')
    expect(world({ off: ['aliyun', 'tencent'], missing: ['twilio'] }).sender.reach(null)).toBe('off')
    expect(world({ routes: [], off: [] }).sender.reach(null)).toBe('off')
    // A provider in no route helps nobody.
    const routes: SmsRoute[] = [{ countries: undefined, providers: ['aliyun'] }]
    expect(world({ routes, off: ['aliyun'] }).sender.reach(null)).toBe('off')
  })
})

describe('sending', () => {
  it('goes on to the next provider where the first was not reached, and tells how each fared', async () => {
    const { send, health } = world({ outcomes: { aliyun: ['unreachable'] } })
    expect(await send(china)).toBe('sent by tencent')
    expect(health.told).toEqual(['aliyun unreachable', 'tencent worked'])
  })

  it.each(['uncertain', 'throttled', 'refused', 'misconfigured'] as const)(
    'ends with the first provider where it was %s',
    async failure => {
      const { send, asked, health } = world({ outcomes: { aliyun: [failure] } })
      expect(await send(china)).toBe(`aliyun ${failure}`)
      expect(asked()).toEqual(['aliyun'])
      expect(health.told).toEqual([`aliyun ${failure}`])
    },
  )

  it('ends with the last failure where nobody was reached', async () => {
    const { send, asked } = world({ outcomes: { aliyun: ['unreachable'], tencent: ['unreachable'] } })
    expect(await send(china)).toBe('tencent unreachable')
    expect(asked()).toEqual(['aliyun', 'tencent'])
  })

  it('leaves out who is off or missing', async () => {
    expect(await world({ off: ['aliyun'] }).send(china)).toBe('sent by tencent')
    expect(await world({ missing: ['aliyun'] }).send(china)).toBe('sent by tencent')
    const nobody = world({ off: ['aliyun', 'tencent'] })
    expect(await nobody.send(china)).toBe('aliyun unreachable')
    expect([nobody.asked(), nobody.health.told]).toEqual([[], []])
  })

  it('asks nobody else once it is given up', async () => {
    const { send, asked } = world({ outcomes: { aliyun: ['unreachable'] } })
    expect(await send(china, AbortSignal.abort())).toBe('aliyun unreachable')
    expect(asked()).toEqual(['aliyun'])
  })

  it('ends with a fault that nobody foresaw, and asks nobody else', async () => {
    const { all, send, asked, health } = world()
    Object.assign(all[0] ?? {}, { send: () => Promise.reject(new TypeError('a bug')) })
    expect(await send(china)).toBe('TypeError: a bug')
    expect([asked(), health.told]).toEqual([[], []])
  })

  it('closes all', async () => {
    const { all, sender } = world()
    await sender.close()
    expect(all.map(({ closed }) => closed)).toEqual([true, true, true])
  })

  it('never has two providers that may have sent, and asks nobody after one that may have', async () => {
    const outcome = fc.constantFrom<Outcome>(
      'sent',
      'unreachable',
      'uncertain',
      'throttled',
      'refused',
      'misconfigured',
    )
    const some = fc.subarray([...names])
    const order = fc.shuffledSubarray([...names], { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(
        order,
        fc.tuple(outcome, outcome, outcome),
        some,
        some,
        async (providers, told, off, missing) => {
          const [aliyun, tencent, twilio] = told.map(one => [one])
          const outcomes = { aliyun: aliyun ?? [], tencent: tencent ?? [], twilio: twilio ?? [] }
          const { send, all, health } = world({ routes: [{ countries: undefined, providers }], outcomes, off, missing })
          const result = await send(china)

          const inUse = providers.filter(name => !off.includes(name) && !missing.includes(name))
          const end = inUse.findIndex(name => outcomes[name][0] !== 'unreachable')
          const expected = end === -1 ? inUse : inUse.slice(0, end + 1)
          const asked = health.told.map(line => line.split(' ')[0])
          expect(asked).toEqual(expected)
          for (const { name, given } of all) expect(given).toHaveLength(asked.includes(name) ? 1 : 0)
          const maySent = health.told.filter(line => /worked|uncertain/.test(line))
          expect(maySent.length).toBeLessThanOrEqual(1)
          if (maySent.length === 1) expect(health.told.at(-1)).toBe(maySent[0])
          expect(result.startsWith('sent')).toBe(end !== -1 && outcomes[inUse[end] ?? 'aliyun'][0] === 'sent')
        },
      ),
      { numRuns: 500 },
    )
  })
})
