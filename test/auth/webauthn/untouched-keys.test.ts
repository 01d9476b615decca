import { describe, expect, it } from 'vitest'
import { authenticate } from '../../../src/auth/webauthn/authentication.ts'
import { register } from '../../../src/auth/webauthn/registration.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { until } from '../../support/until.ts'
import { creation, FakeKey, FakeUsb, request, toolsOf } from './fake-keys.ts'

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'none',
    error => error.code ?? error,
  )

/** A clock that a test puts forward; what sleeps, sleeps as long as ever. */
function laterClock() {
  let later = 0
  const clock = { now: () => systemClock.now() + later, sleep: systemClock.sleep }
  return {
    clock,
    putForward: (milliseconds: number) => {
      later += milliseconds
    },
  }
}

const blinksAgain = (key: FakeKey, times: number) =>
  until(`${key.name} to blink again`, () => (key.isBlinking && key.calls.length >= times) || undefined)

describe('a key that gives up before it is touched', () => {
  it('is asked again, with one word about the touch, and the others blink on', async () => {
    const { clock, putForward } = laterClock()
    const [tired, other] = [new FakeKey({ name: 'tired' }), new FakeKey({ name: 'other' })]
    const tools = { ...toolsOf(new FakeUsb(tired, other)), clock }
    const made = register(creation(), tools)
    await other.blinks()
    for (let times = 2; times < 5; times++) {
      await blinksAgain(tired, times - 1)
      putForward(30_000)
      tired.giveUp()
    }
    await blinksAgain(tired, 4)
    expect([tired.calls, other.calls]).toEqual([Array(4).fill('makeCredential'), ['makeCredential']])
    tired.touch()
    await made
    expect(tools.interaction.log.filter(line => line.startsWith('event'))).toEqual([
      'event touch {"key":"tired"}',
      'event touch {"key":"other"}',
    ])
  })

  it('is not asked again after the ceremony’s time', async () => {
    const { clock, putForward } = laterClock()
    const key = new FakeKey()
    const outcome = codeOf(register(creation({ timeout: 60_000 }), { ...toolsOf(new FakeUsb(key)), clock }))
    await key.blinks()
    putForward(60_000)
    key.giveUp()
    expect([await outcome, key.calls]).toEqual(['key_timeout', ['makeCredential']])
  })

  it('at once is not asked for ever, and leaves it to the others', async () => {
    const [odd, good] = [new FakeKey({ name: 'odd' }), new FakeKey({ name: 'good' })]
    const tools = toolsOf(new FakeUsb(odd, good))
    const made = register(creation(), tools)
    await good.blinks()
    await odd.blinks()
    odd.giveUp()
    await until('the word', () => tools.interaction.log.includes('passed over odd: key_timeout') || undefined)
    good.touch()
    await made
    expect(odd.calls).toEqual(['makeCredential'])
  })

  it('because our time ran out is not asked again', async () => {
    const { clock, putForward } = laterClock()
    const key = new FakeKey()
    const outcome = codeOf(register(creation(), { ...toolsOf(new FakeUsb(key)), clock }))
    await key.blinks()
    putForward(30_000)
    key.giveUp('key_timeout', {})
    expect([await outcome, key.calls]).toEqual(['key_timeout', ['makeCredential']])
  })

  it('that selects it, or after its PIN, is asked for just that again', async () => {
    const { clock, putForward } = laterClock()
    const key = new FakeKey({ options: { clientPin: true }, pin: '1234', credentials: [1] })
    const required = { userVerification: 'required' } as const
    const signed = authenticate(request([1], required), { ...toolsOf(new FakeUsb(key), '1234'), clock })
    await blinksAgain(key, 2)
    putForward(30_000)
    key.giveUp()
    await blinksAgain(key, 3)
    key.touch()
    await until('the signature to be asked for', () => key.calls.includes('getAssertion') || undefined)
    await key.blinks()
    const before = key.calls.length
    putForward(30_000)
    key.giveUp()
    await blinksAgain(key, before + 1)
    key.touch()
    await signed
    expect(key.calls.filter(call => call !== 'pinRetries')).toEqual([
      'hasCredential',
      'select',
      'select',
      'verifyUser by PIN',
      'getAssertion',
      'getAssertion',
    ])
  })

  it.each(['key_pin_auth_invalid', 'key_pin_token_expired'] as const)(
    'and then says %s of the token has timed out',
    async code => {
      const { clock, putForward } = laterClock()
      const key = new FakeKey({ options: { clientPin: true }, pin: '1234' })
      const outcome = codeOf(register(creation(), { ...toolsOf(new FakeUsb(key), '1234'), clock }))
      await key.blinks()
      key.touch()
      await until('the credential to be asked for', () => key.calls.includes('makeCredential') || undefined)
      await key.blinks()
      putForward(30_000)
      key.giveUp()
      await until(
        'to be asked again',
        () => key.calls.filter(call => call === 'makeCredential').length > 1 || undefined,
      )
      await key.blinks()
      key.giveUp(code, { status: 0x33 })
      expect(await outcome).toBe('key_timeout')
    },
  )
})
