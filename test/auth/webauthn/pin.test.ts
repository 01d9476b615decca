import { describe, expect, it } from 'vitest'
import { authenticate } from '../../../src/auth/webauthn/authentication.ts'
import { sha256 } from '../../../src/auth/webauthn/ceremony.ts'
import { register } from '../../../src/auth/webauthn/registration.ts'
import { fromBase64url } from '../../../src/lib/base64url.ts'
import { until } from '../../support/until.ts'
import { creation, FakeKey, type FakeKeyOptions, FakeUsb, request, toolsOf } from './fake-keys.ts'

const required = { authenticatorSelection: { userVerification: 'required' as const } }
const keyWithPin = (more: FakeKeyOptions = {}) =>
  new FakeKey({ pin: '1234', credentials: [1], touched: true, ...more, options: { clientPin: true, ...more.options } })

const prompts = (log: readonly string[]) => log.filter(line => /^(PIN|refused|key waits: )/.test(line))

describe('the PIN that a person types', () => {
  it('is asked for after the touch that selects the key, and before the second touch', async () => {
    const key = keyWithPin()
    const tools = toolsOf(new FakeUsb(key), '1234')
    const { response } = await register(creation(required), tools)
    expect(key.calls).toEqual(['select', 'pinRetries', 'verifyUser by PIN', 'makeCredential'])
    expect(prompts(tools.interaction.log)).toEqual([
      'key waits: plug_in',
      'key waits: touch key',
      'PIN of key, 8 left',
      'key waits: touch_again key',
    ])
    expect(key.tokens).toEqual([{ pin: '1234', permissions: ['mc'], rpId: 'example.org' }])
    const hash = sha256(fromBase64url(response.clientDataJSON))
    expect(key.made).toMatchObject([{ clientDataHash: hash, token: { protocol: 2 }, options: { uv: undefined } }])
  })

  it('is asked of the touched key alone; a key that needs none may win meanwhile', async () => {
    const [left, right] = [keyWithPin({ name: 'left', touched: false }), keyWithPin({ name: 'right', touched: false })]
    const plain = new FakeKey({ name: 'plain' })
    const tools = toolsOf(new FakeUsb(left, right, plain), '1234')
    const blinking: string[] = []
    const ask = tools.interaction.pin.bind(tools.interaction)
    tools.interaction.pin = request => {
      blinking.push(...[left, right, plain].filter(key => key.isBlinking).map(({ name }) => name))
      return ask(request)
    }
    const made = register(creation(), tools)
    for (const key of [left, right, plain]) await key.blinks()
    right.touch()
    await until('the second touch', () => right.calls.includes('makeCredential') || undefined)
    await right.blinks()
    right.touch()
    await made
    expect(blinking).toEqual([])
    expect(left.calls).toEqual(['select', 'let go'])
    expect(plain.calls).toEqual(['makeCredential', 'let go'])

    const others = [keyWithPin({ name: 'left', touched: false }), new FakeKey({ name: 'plain', touched: true })]
    const again = toolsOf(new FakeUsb(...others))
    await register(creation(), again)
    expect(others.map(({ calls }) => calls)).toEqual([['select', 'let go'], ['makeCredential']])
  })

  it('is asked again when it is wrong', async () => {
    const key = keyWithPin()
    const tools = toolsOf(new FakeUsb(key), '4321', '1234')
    await authenticate(request([1], { userVerification: 'required' }), tools)
    expect(prompts(tools.interaction.log)).toEqual([
      'key waits: plug_in',
      'key waits: touch key',
      'PIN of key, 8 left',
      'refused key_pin_invalid; left: ',
      'PIN of key',
      'key waits: touch_again key',
    ])
    expect(key.calls.filter(call => call === 'select')).toHaveLength(1)
  })

  it.each([
    ['key_pin_blocked', { pinTries: 0 }],
    ['key_pin_auth_blocked', { powerCycleNeeded: true }],
  ])('is not asked for where the key takes none (%s)', async (code, state) => {
    const tools = toolsOf(new FakeUsb(keyWithPin(state)))
    await expect(register(creation(required), tools)).rejects.toMatchObject({ code })
  })

  it('is not asked for again once the key is locked', async () => {
    const tools = toolsOf(new FakeUsb(keyWithPin({ pinTries: 1 })), '4321')
    await expect(register(creation(required), tools)).rejects.toMatchObject({ code: 'key_pin_blocked' })
    tools.interaction.verifyAllSaid()
  })

  it('is not asked for of a key that is bound already, or that is not bound', async () => {
    const bound = keyWithPin()
    const excluded = creation({ ...required, excludeCredentials: [{ type: 'public-key', id: 'AQ' }] })
    await expect(register(excluded, toolsOf(new FakeUsb(bound)))).rejects.toMatchObject({ code: 'key_excluded' })
    expect(bound.calls).toEqual(['select', 'hasCredential'])
    const stranger = keyWithPin({ credentials: [2] })
    await expect(authenticate(request([1]), toolsOf(new FakeUsb(stranger)))).rejects.toMatchObject({
      code: 'key_no_credentials',
    })
    expect(stranger.calls).toEqual(['hasCredential'])
  })

  it('may have to be typed anew when the key was pulled out', async () => {
    const key = keyWithPin({ touched: false })
    const usb = new FakeUsb(key)
    const tools = toolsOf(usb, '1234', '1234')
    const made = register(creation(required), tools)
    await key.blinks()
    key.touch()
    await until('the second touch', () => key.calls.includes('makeCredential') || undefined)
    await key.blinks()
    usb.pullOut(key)
    await until('the word', () => tools.interaction.log.includes('key waits: plug_in_again key') || undefined)
    usb.plugIn(keyWithPin())
    await made
    tools.interaction.verifyAllSaid()
  })

  it('needs no touch before it where the key was named', async () => {
    const key = keyWithPin()
    const tools = toolsOf(new FakeUsb(key), '1234')
    await register(creation(required), { ...tools, isKeyNamed: true })
    expect(key.calls).toEqual(['pinRetries', 'verifyUser by PIN', 'makeCredential'])
    expect(prompts(tools.interaction.log).at(-1)).toBe('key waits: touch key')
  })

  it('at Ctrl-C leaves nothing blinking and nothing made', async () => {
    const [key, other] = [keyWithPin({ name: 'key' }), keyWithPin({ name: 'other', touched: false })]
    const tools = toolsOf(new FakeUsb(key, other))
    const cancelled = new Error('Ctrl-C')
    tools.interaction.pin = async () => {
      tools.interaction.breaking.abort()
      throw cancelled
    }
    await expect(register(creation(required), tools)).rejects.toMatchObject({ code: 'cancelled' })
    expect([key.isBlinking, other.isBlinking, key.made.length]).toEqual([false, false, 0])
    expect(other.calls.at(-1)).toBe('let go')
  })
})

describe('the PIN that a script supplies', () => {
  const scripted = (usb: FakeUsb, pin = '1234') => {
    const tools = toolsOf(usb)
    tools.interaction.isInteractive = false
    tools.interaction.suppliedPin = pin
    return tools
  }

  it('goes to the only key without a touch before it', async () => {
    const key = keyWithPin()
    await register(creation(), scripted(new FakeUsb(key)))
    expect(key.calls).toEqual(['verifyUser by PIN', 'makeCredential'])
  })

  it('goes to the touched one of several', async () => {
    const keys = [keyWithPin({ name: 'left', touched: false }), keyWithPin({ name: 'right' })]
    await register(creation(), scripted(new FakeUsb(...keys)))
    expect(keys.map(({ tokens }) => tokens.length)).toEqual([0, 1])
    expect(keys[1]?.calls).toEqual(['select', 'verifyUser by PIN', 'makeCredential'])
  })

  it('is tried once', async () => {
    const key = keyWithPin()
    await expect(register(creation(), scripted(new FakeUsb(key), '4321'))).rejects.toMatchObject({
      code: 'key_pin_invalid',
      details: { retriesLeft: 7 },
    })
    expect(key.calls).toEqual(['verifyUser by PIN'])
  })

  it('is not looked for where no PIN is needed', async () => {
    const tools = toolsOf(new FakeUsb(new FakeKey({ options: { clientPin: false }, touched: true })))
    tools.interaction.pinSource = () => Promise.reject(new Error('a line of stdin is gone'))
    await register(creation(), tools)
    const discouraged = request([1], { userVerification: 'discouraged' })
    await authenticate(discouraged, { ...tools, openAuthenticators: () => new FakeUsb(keyWithPin()) })
  })

  it('is missed where it is required, and done without where it is preferred and the key agrees', async () => {
    const tools = () => {
      const each = toolsOf(new FakeUsb(keyWithPin()))
      each.interaction.isInteractive = false
      return each
    }
    await expect(register(creation(required), tools())).rejects.toMatchObject({ code: 'key_pin_required' })
    expect((await authenticate(request([1]), tools())).id).toBe('AQ')
  })
})

describe('a key that verifies its user by itself', () => {
  const bio = (more: FakeKeyOptions = {}) =>
    keyWithPin({ ...more, options: { uv: true, pinUvAuthToken: true, ...more.options } })

  it('gives a token for it', async () => {
    const key = bio()
    await register(
      creation({ ...required, excludeCredentials: [{ type: 'public-key', id: 'Aw' }] }),
      toolsOf(new FakeUsb(key)),
    )
    expect(key.calls).toEqual(['verifyUser by itself', 'makeCredential'])
    expect(key.tokens).toEqual([{ permissions: ['mc', 'ga'], rpId: 'example.org' }])
    expect(key.made).toMatchObject([{ token: { protocol: 2 } }])
  })

  it('or takes an option for it', async () => {
    const key = bio({ options: { pinUvAuthToken: false } })
    await register(creation(required), toolsOf(new FakeUsb(key)))
    expect(key.calls).toEqual(['makeCredential'])
    expect(key.made).toMatchObject([{ options: { uv: true }, token: undefined }])
  })

  it('is asked again after a miss, and for its PIN when it takes no more fingers', async () => {
    const key = bio({ refusals: ['key_uv_invalid', 'key_uv_invalid', 'key_uv_blocked'] })
    const tools = toolsOf(new FakeUsb(key), '1234')
    await register(creation(required), tools)
    expect(prompts(tools.interaction.log).filter(line => /^(PIN|refused)/.test(line))).toEqual([
      'refused key_uv_invalid; left: ',
      'refused key_uv_invalid; left: ',
      'refused key_uv_blocked; left: ',
      'PIN of key, 8 left',
    ])
    // It has been touched: it need not be selected once more.
    expect(key.calls).not.toContain('select')
  })

  it('has to be touched before its PIN is asked for where it took no finger at all', async () => {
    const key = bio({ refusals: ['key_uv_blocked'] })
    await register(creation(required), toolsOf(new FakeUsb(key), '1234'))
    expect(key.calls).toEqual(['verifyUser by itself', 'select', 'pinRetries', 'verifyUser by PIN', 'makeCredential'])
  })

  it('says that it takes no more fingers where nobody has the PIN', async () => {
    const tools = toolsOf(new FakeUsb(bio({ refusals: ['key_uv_blocked'] })))
    tools.interaction.isInteractive = false
    await expect(register(creation(required), tools)).rejects.toMatchObject({ code: 'key_uv_blocked' })
    expect(tools.interaction.log.filter(line => line.startsWith('refused'))).toEqual([])
  })

  it('is not believed when it forgives misses without end', async () => {
    const key = bio({ refusals: Array.from({ length: 40 }, () => 'key_uv_invalid' as const) })
    await expect(register(creation(required), toolsOf(new FakeUsb(key)))).rejects.toMatchObject({
      code: 'key_uv_invalid',
    })
  })
})

describe('a key that asks for its PIN though nothing told so', () => {
  it('is given it, once', async () => {
    const key = keyWithPin({ options: { makeCredUvNotRqd: true }, refusals: ['key_pin_required'] })
    const discouraged = { authenticatorSelection: { userVerification: 'discouraged' as const } }
    await register(creation(discouraged), toolsOf(new FakeUsb(key), '1234'))
    expect(key.calls).toEqual(['makeCredential', 'select', 'pinRetries', 'verifyUser by PIN', 'makeCredential'])
    const stubborn = keyWithPin({
      options: { makeCredUvNotRqd: true },
      refusals: ['key_pin_required', 'key_pin_required'],
    })
    await expect(register(creation(discouraged), toolsOf(new FakeUsb(stubborn), '1234'))).rejects.toMatchObject({
      code: 'key_pin_required',
    })
  })

  it('has none set: that is said', async () => {
    const key = new FakeKey({ options: { clientPin: false }, refusals: ['key_pin_required'] })
    await expect(register(creation(), toolsOf(new FakeUsb(key)))).rejects.toMatchObject({ code: 'key_pin_not_set' })
  })
})

describe('a U2F key', () => {
  it('cannot verify anybody: that is said at once, and the others go on', async () => {
    const old = () => new FakeKey({ name: 'old', protocol: 'u2f', versions: ['U2F_V2'], touched: true })
    await expect(register(creation(required), toolsOf(new FakeUsb(old())))).rejects.toMatchObject({
      code: 'key_uv_unsupported',
    })
    const tools = toolsOf(new FakeUsb(old(), keyWithPin()), '1234')
    await register(creation(required), tools)
    expect(tools.interaction.log).toContain('passed over old: key_uv_unsupported')
  })
})
