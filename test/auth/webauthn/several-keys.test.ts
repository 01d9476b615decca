import { describe, expect, it } from 'vitest'
import { authenticate } from '../../../src/auth/webauthn/authentication.ts'
import { register } from '../../../src/auth/webauthn/registration.ts'
import { CtapError } from '../../../src/hid/index.ts'
import { until } from '../../support/until.ts'
import { creation, FakeKey, FakeUsb, request, toolsOf } from './fake-keys.ts'

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'none',
    error => error.code ?? error,
  )

describe('the prompt', () => {
  it('is on the screen before any device is looked for, and gone at the end', async () => {
    const usb = new FakeUsb(new FakeKey({ touched: true }))
    const tools = toolsOf(usb)
    const { log } = tools.interaction
    let before: string[] = []
    await register(creation(), {
      ...tools,
      openAuthenticators: () => {
        before = [...log]
        return usb
      },
    })
    expect(before).toEqual(['key waits: plug_in'])
    expect(log).toEqual([
      'key waits: plug_in',
      'event touch {"key":"key"}',
      'key waits no more: plug_in',
      'key waits: touch key',
      'key waits no more: touch',
    ])
    expect(usb.log).toEqual(['watch', 'watch ends', 'close'])
  })
})

describe('of several keys', () => {
  it('all blink, the touched one wins, and the others have let go when it is over', async () => {
    const [left, right] = [new FakeKey({ name: 'left' }), new FakeKey({ name: 'right' })]
    const tools = toolsOf(new FakeUsb(left, right))
    const made = register(creation(), tools)
    await left.blinks()
    await right.blinks()
    right.touch()
    await made
    expect(left.calls).toEqual(['makeCredential', 'let go'])
    expect([left.made.length, right.made.length]).toEqual([0, 1])
    expect(tools.interaction.log.filter(line => line.startsWith('event'))).toEqual([
      'event touch {"key":"left"}',
      'event touch {"key":"right"}',
    ])
    expect(tools.interaction.log.filter(line => line.startsWith('key waits: '))).toEqual([
      'key waits: plug_in',
      'key waits: touch left',
      'key waits: touch',
    ])
  })

  it('one that comes while another blinks joins', async () => {
    const [first, second] = [new FakeKey({ name: 'first' }), new FakeKey({ name: 'second' })]
    const usb = new FakeUsb(first)
    const made = register(creation(), toolsOf(usb))
    await first.blinks()
    usb.plugIn(second)
    await second.blinks()
    second.touch()
    await made
    expect([first.made.length, second.made.length]).toEqual([0, 1])
    expect(first.calls.at(-1)).toBe('let go')
  })

  it('one that lacks the credentials says so at once, and is not touched, while the other goes on blinking', async () => {
    const wrong = new FakeKey({ name: 'wrong', credentials: [2] })
    const right = new FakeKey({ name: 'right', credentials: [1] })
    const tools = toolsOf(new FakeUsb(wrong, right))
    const signed = authenticate(request([0, 1]), tools)
    await right.blinks()
    await until('the word', () => tools.interaction.log.includes('passed over wrong: key_no_credentials') || undefined)
    expect(wrong.calls).toEqual(['hasCredential'])
    right.touch()
    expect((await signed).id).toBe('AQ')
  })

  it('all of which lack them, the ceremony ends at once', async () => {
    const keys = [new FakeKey({ name: 'a' }), new FakeKey({ name: 'b', versions: ['FIDO_2_0'] })]
    const tools = toolsOf(new FakeUsb(...keys))
    expect(await codeOf(authenticate(request([1]), tools))).toBe('key_no_credentials')
    expect(keys.map(({ isBlinking }) => isBlinking)).toEqual([false, false])
    expect(keys[1]?.calls).toEqual(['hasCredential'])
  })

  it('one that is still being opened is waited for', async () => {
    const right = new FakeKey({ name: 'right', credentials: [1], touched: true })
    const usb = new FakeUsb(new FakeKey({ name: 'wrong' }))
    const open = usb.plugInSlowly(right)
    const tools = toolsOf(usb)
    const signed = authenticate(request([1]), tools)
    await until('the word', () => tools.interaction.log.includes('passed over wrong: key_no_credentials') || undefined)
    open()
    expect((await signed).id).toBe('AQ')
  })

  it('one that the user may not open is told, and the other used', async () => {
    const usb = new FakeUsb()
    const error = new CtapError('key_no_permission', 'no', { device: 'Tiger', udevRule: 'RULE' })
    usb.plugInUnusable('/dev/closed', error)
    const key = new FakeKey()
    const tools = toolsOf(usb)
    usb.plugIn(key)
    const made = register(creation(), tools)
    await key.blinks()
    await until('the word', () => tools.interaction.log.includes('passed over Tiger: key_no_permission') || undefined)
    key.touch()
    await made
  })

  it('one that a person denied ends it for all', async () => {
    const other = new FakeKey({ name: 'other' })
    const denied = new FakeKey({ name: 'denied', refusals: ['key_denied'], touched: true })
    expect(await codeOf(register(creation(), toolsOf(new FakeUsb(other, denied))))).toBe('key_denied')
    expect(other.calls.at(-1)).toBe('let go')
  })

  it('one that is too odd leaves it to the others', async () => {
    const odd = new FakeKey({ name: 'odd', refusals: ['key_protocol'] })
    const good = new FakeKey({ name: 'good', touched: true })
    await register(creation(), toolsOf(new FakeUsb(odd, good)))
    expect(good.made).toHaveLength(1)
  })
})

describe('a lone key', () => {
  it('that nobody may open gives its error, without more words', async () => {
    const usb = new FakeUsb()
    const error = new CtapError('key_no_permission', 'no', { device: 'Tiger', udevRule: 'RULE' })
    usb.plugInUnusable('/dev/closed', error)
    const tools = toolsOf(usb)
    await expect(register(creation(), tools)).rejects.toBe(error)
    expect(tools.interaction.log.filter(line => line.startsWith('passed'))).toEqual([])
  })

  it.each([
    ['CTAP 2.1', new FakeKey(), ['getAssertion']],
    ['CTAP 2.0', new FakeKey({ versions: ['FIDO_2_0'] }), ['hasCredential']],
    ['U2F', new FakeKey({ versions: ['U2F_V2'], protocol: 'u2f' }), ['getAssertion']],
  ])('of %s that lacks the credentials ends it without a touch', async (_, key, calls) => {
    const tools = toolsOf(new FakeUsb(key))
    expect(await codeOf(authenticate(request([1]), tools))).toBe('key_no_credentials')
    expect(key.calls).toEqual(calls)
    expect(tools.interaction.log).toEqual(['key waits: plug_in', 'key waits no more: plug_in'])
  })

  it('that does not tell what it has is asked for the signature all the same', async () => {
    const key = new FakeKey({ versions: ['FIDO_2_0'], credentials: [1], isReticent: true, touched: true })
    await authenticate(request([1]), toolsOf(new FakeUsb(key)))
    expect(key.calls).toEqual(['hasCredential', 'getAssertion'])
  })

  it('of CTAP 2.1 that has them is asked for nothing but the signature', async () => {
    const key = new FakeKey({ credentials: [1], touched: true })
    await authenticate(request([1]), toolsOf(new FakeUsb(key)))
    expect(key.calls).toEqual(['getAssertion'])
  })
})

describe('a key that is pulled out while it blinks', () => {
  it('is waited for where a person is there, and may be another', async () => {
    const [first, second] = [new FakeKey({ name: 'Tiger' }), new FakeKey({ name: 'Second' })]
    const usb = new FakeUsb(first)
    const tools = toolsOf(usb)
    const made = register(creation(), tools)
    await first.blinks()
    usb.pullOut(first)
    await until('the word', () => tools.interaction.log.includes('key waits: plug_in_again Tiger') || undefined)
    expect(first.calls.at(-1)).toBe('close')
    usb.plugIn(second)
    await second.blinks()
    second.touch()
    await made
    expect(second.made).toHaveLength(1)
  })

  it('is told by name while another blinks', async () => {
    const [first, second] = [new FakeKey({ name: 'first' }), new FakeKey({ name: 'second' })]
    const usb = new FakeUsb(first, second)
    const tools = toolsOf(usb)
    const made = register(creation(), tools)
    await first.blinks()
    await second.blinks()
    usb.pullOut(first)
    await until('the word', () => tools.interaction.log.includes('passed over first: key_unplugged') || undefined)
    expect(tools.interaction.log.at(-1)).toBe('key waits: touch second')
    second.touch()
    await made
  })

  it('ends it for a script', async () => {
    const key = new FakeKey()
    const usb = new FakeUsb(key)
    const tools = toolsOf(usb)
    tools.interaction.isInteractive = false
    const made = register(creation(), tools)
    await key.blinks()
    usb.pullOut(key)
    expect(await codeOf(made)).toBe('key_unplugged')
  })

  it('leaves a script the other', async () => {
    const [first, second] = [new FakeKey({ name: 'first' }), new FakeKey({ name: 'second' })]
    const usb = new FakeUsb(first, second)
    const tools = toolsOf(usb)
    tools.interaction.isInteractive = false
    const made = register(creation(), tools)
    await first.blinks()
    await second.blinks()
    usb.pullOut(first)
    await until('the word', () => tools.interaction.log.includes('passed over first: key_unplugged') || undefined)
    second.touch()
    await made
    // Nothing is said twice where each line stays.
    expect(tools.interaction.log.filter(line => line.startsWith('key waits:'))).toEqual([
      'key waits: plug_in',
      'key waits: touch first',
      'key waits: touch',
      'key waits: touch second',
    ])
  })

  it('is waited for no longer than the ceremony may take', async () => {
    const key = new FakeKey()
    const usb = new FakeUsb(key)
    const tools = toolsOf(usb)
    const made = register(creation({ timeout: 400 }), tools)
    const outcome = codeOf(made)
    await key.blinks()
    usb.pullOut(key)
    expect(await outcome).toBe('key_not_found')
    expect(tools.interaction.log.at(-1)).toBe('key waits no more: plug_in_again')
  })
})

describe('a ceremony that is broken off', () => {
  it('after its time says what was missing, and every key has let go', async () => {
    const keys = [new FakeKey({ name: 'a' }), new FakeKey({ name: 'b' })]
    expect(await codeOf(register(creation({ timeout: 200 }), toolsOf(new FakeUsb(...keys))))).toBe('key_timeout')
    expect(keys.map(({ calls }) => calls.at(-1))).toEqual(['let go', 'let go'])
    expect(await codeOf(register(creation({ timeout: 200 }), toolsOf(new FakeUsb())))).toBe('key_not_found')
  })

  it('says why there can be no keys', async () => {
    const error = new CtapError('key_hid_unavailable', 'no libusb')
    const usb = Object.assign(new FakeUsb(), { watch: () => Promise.reject(error) })
    await expect(register(creation(), toolsOf(usb))).rejects.toBe(error)
    const tools = toolsOf(new FakeUsb())
    await expect(register(creation(), { ...tools, openAuthenticators: () => Promise.reject(error) })).rejects.toBe(
      error,
    )
    expect(tools.interaction.log.at(-1)).toBe('key waits no more: plug_in')
  })
})
