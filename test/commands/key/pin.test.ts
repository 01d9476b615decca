import { describe, expect, it } from 'vitest'
import type { Answers, Input } from '../../../src/cli/context.ts'
import { createInput } from '../../../src/cli/input.ts'
import { change, set } from '../../../src/commands/key/pin.ts'
import { type Authenticator, CtapError } from '../../../src/hid/index.ts'
import { fakeContext, typed } from '../fake-context.ts'
import { fakeKey, fakePorts, info, portOf, u2fInfo, withPin } from './fake-keys.ts'

const path = undefined
const wrong = (retriesLeft: number) => new CtapError('key_pin_invalid', 'wrong', { retriesLeft })

/** A key with the PIN `pin` that notes what it is told. */
function keyWith(pin: string, more: Partial<Authenticator> = {}) {
  const told: string[] = []
  let left = 8
  const key = fakeKey({
    info: withPin(),
    pinRetries: async () => ({ left, powerCycleNeeded: false }),
    changePin: async (current, next) => {
      told.push(`${current} → ${next}`)
      if (current !== pin) throw wrong(--left)
    },
    ...more,
  })
  return { key, told }
}

const contextFor = (key: Authenticator, input: Partial<Input> = {}) =>
  fakeContext({ openAuthenticators: fakePorts(portOf(key)).openAuthenticators, input })

const script = async (answers: Partial<Answers>) => {
  const nothing = async () => undefined
  const { terminal } = (await fakeContext()).context
  const none = { username: nothing, password: nothing, newPassword: nothing, code: nothing, recoveryCode: nothing }
  return createInput(terminal, { ...none, pin: nothing, newPin: nothing, ...answers })
}

describe('hufu key pin set', () => {
  it('gives a key without a PIN its first', async () => {
    const told: string[] = []
    const key = fakeKey({ setPin: async pin => void told.push(pin) })
    const { context, stdout } = await contextFor(key, { newPin: typed(['tiger7']) })
    await set(context, { path })
    expect(told).toEqual(['tiger7'])
    expect(stdout()).toContain('✓ Tiger has a PIN now.\n')
  })

  it('tells the input how short it may be, and that it is the first', async () => {
    const asked: unknown[] = []
    const key = fakeKey({ info: info({ minPinLength: undefined }), setPin: async () => {} })
    const newPin: Input['newPin'] = async wanted => {
      asked.push(wanted)
      return 'tiger7'
    }
    await set((await contextFor(key, { newPin })).context, { path })
    expect(asked).toEqual([{ shortest: 4, isFirst: true }])
  })

  it('asks for another when the key does not like it, but only a person', async () => {
    const told: string[] = []
    const setPin = async (pin: string) => {
      told.push(pin)
      if (told.length === 1) throw new CtapError('key_pin_policy', 'no')
    }
    const person = { canRetry: true, newPin: typed(['111111', 'tiger7']) }
    const { context, stderr } = await contextFor(fakeKey({ setPin }), person)
    await set(context, { path })
    expect(told).toEqual(['111111', 'tiger7'])
    expect(stderr()).toContain('does not take this PIN')
    told.length = 0
    const nobody = { canRetry: false, newPin: async () => '111111' }
    const alone = await contextFor(fakeKey({ setPin }), nobody)
    await expect(set(alone.context, { path })).rejects.toMatchObject({ code: 'key_pin_policy' })
    expect(told).toEqual(['111111'])
  })

  it.each([
    ['has one', fakeKey({ info: withPin() }), 'key_pin_exists'],
    ['knows none', fakeKey({ info: info({ options: new Map() }) }), 'key_pin_unsupported'],
    ['is U2F', fakeKey({ protocol: 'u2f', info: u2fInfo() }), 'key_pin_unsupported'],
  ])('asks for nothing when the key %s', async (_what, key, code) => {
    const newPin = () => Promise.reject(new TypeError('asked'))
    await expect(set((await contextFor(key, { newPin })).context, { path })).rejects.toMatchObject({ code })
  })
})

describe('hufu key pin change', () => {
  it('asks for the PIN it has, then for the new one', async () => {
    const { key, told } = keyWith('tiger7')
    const { context, stdout } = await contextFor(key, { pin: typed(['tiger7']), newPin: typed(['tally8']) })
    await change(context, { path })
    expect(told).toEqual(['tiger7 → tally8'])
    expect(stdout()).toBe('✓ The PIN of Tiger has been changed.\n')
  })

  it('asks for the present one alone again when that was wrong, with the tries left', async () => {
    const { key, told } = keyWith('tiger7')
    const person = { canRetry: true, pin: typed(['tigre7', 'tiger7']), newPin: typed(['tally8']) }
    const { context, stderr } = await contextFor(key, person)
    await change(context, { path })
    expect(told).toEqual(['tigre7 → tally8', 'tiger7 → tally8'])
    expect(stderr()).toContain('not the PIN of the security key; 7 tries left.')
  })

  it('never tries twice what a script supplies', async () => {
    const { key, told } = keyWith('tiger7')
    const { context } = await contextFor(key, await script({ pin: async () => 'tigre7', newPin: async () => 'tally8' }))
    await expect(change(context, { path })).rejects.toMatchObject({ code: 'key_pin_invalid' })
    expect(told).toHaveLength(1)
  })

  it('says that the key is locked when the last try was wrong', async () => {
    let left = 1
    const { key } = keyWith('tiger7', {
      pinRetries: async () => ({ left, powerCycleNeeded: false }),
      changePin: async () => {
        left = 0
        throw wrong(0)
      },
    })
    const person = { canRetry: true, pin: typed(['tigre7']), newPin: typed(['tally8']) }
    const { context, stderr } = await contextFor(key, person)
    await expect(change(context, { path })).rejects.toMatchObject({ code: 'key_pin_blocked' })
    expect(stderr()).toContain('One try is left')
  })

  it.each([
    ['is locked', { pinRetries: async () => ({ left: 0, powerCycleNeeded: false }) }, 'key_pin_blocked'],
    ['wants a replug', { pinRetries: async () => ({ left: 5, powerCycleNeeded: true }) }, 'key_pin_auth_blocked'],
    ['has no PIN', { info: info() }, 'key_pin_not_set'],
    ['is U2F', { protocol: 'u2f' as const, info: u2fInfo() }, 'key_pin_unsupported'],
  ])('asks for nothing when the key %s', async (_what, more, code) => {
    const pin = () => Promise.reject(new TypeError('asked'))
    const { key } = keyWith('tiger7', more)
    await expect(change((await contextFor(key, { pin })).context, { path })).rejects.toMatchObject({ code })
  })

  it('says that the key wants it', async () => {
    const { key } = keyWith('tiger7', { info: withPin({ forcePinChange: true }) })
    const { context, stdout } = await contextFor(key, { pin: typed(['tiger7']), newPin: typed(['tally8']) })
    await change(context, { path })
    expect(stdout()).toContain('Tiger wants its PIN to be changed before it is used again.')
  })
})

describe('a PIN that a script supplies', () => {
  it('for the first PIN may come as the PIN, for another only as the new one', async () => {
    const input = await script({ pin: async () => 'tiger7' })
    expect(await input.newPin({ shortest: 4, isFirst: true })).toBe('tiger7')
    await expect(input.newPin({ shortest: 4, isFirst: false })).rejects.toMatchObject({
      code: 'input_required',
      options: ['--new-pin-file', 'HUFU_NEW_PIN'],
    })
    const both = await script({ pin: async () => 'tiger7', newPin: async () => 'tally8' })
    expect(await both.newPin({ shortest: 4, isFirst: true })).toBe('tally8')
  })

  it.each([
    ['too short', '12345', 'key_pin_length'],
    ['too short in characters, whatever its bytes', '虎符虎符虎', 'key_pin_length'],
    ['too short once composed', 'a\u0301bcde\u0301', 'key_pin_length'],
    ['longer than 63 bytes', '虎'.repeat(22), 'key_pin_length'],
  ])('is refused before a key sees it when it is %s', async (_what, pin, code) => {
    const input = await script({ newPin: async () => pin })
    await expect(input.newPin({ shortest: 6, isFirst: false })).rejects.toMatchObject({ code })
  })

  it.each(['虎符虎符虎符', '虎'.repeat(21)])('is taken when it is just long enough: %s', async pin => {
    expect(await (await script({ newPin: async () => pin })).newPin({ shortest: 6, isFirst: false })).toBe(pin)
  })

  it('is named when it is missing', async () => {
    await expect((await script({})).pin()).rejects.toMatchObject({
      code: 'input_required',
      missing: 'current_pin',
      options: ['--pin-file', 'HUFU_PIN'],
    })
  })
})
