import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Language, languages } from '../../src/cli/messages/catalogue.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { freshAddress, Person } from '../support/person.ts'
import { type Sitting, sitDown, standUp } from '../support/sitting.ts'
import { until } from '../support/until.ts'
import { type UsbKey, UsbPorts } from '../support/usb-ports.ts'

const ports = new UsbPorts()
let server: EphemeralServer
let person: Person
beforeAll(async () => {
  server = await startEphemeral()
})
afterAll(async () => {
  expect(await server.stop()).toBe(0)
})
beforeEach(async () => {
  person = await Person.loggedIn(server, { email: freshAddress() })
})
afterEach(async () => {
  standUp()
  await ports.clear()
})

const done = { exitCode: 0, cursorVisible: true, lineMode: true }
const pin = '虎符-1234'

const at = (args: readonly string[], language: Language = 'en'): Promise<Sitting> =>
  sitDown(person, language, args, { env: ports.env })
const isDone = async (sitting: Sitting) => expect(await sitting.end(), sitting.text()).toEqual(done)
const touchNamed = (sitting: Sitting, key: UsbKey) => sitting.waitFor(sitting.t('key.touch_named', { key: key.name }))
const askedForPin = (sitting: Sitting, key: UsbKey) => sitting.asked(sitting.t('ask.pin', { key: key.name }))

/** Types `wrong` for the PIN, and waits for the next prompt. */
async function mistypePin(sitting: Sitting, key: UsbKey, triesLeft: number): Promise<void> {
  await askedForPin(sitting, key)
  sitting.enter('0000')
  await sitting.waitFor(sitting.t('error.key_pin_invalid', { count: triesLeft }))
  await askedForPin(sitting, key)
}

async function binding(language: Language = 'en'): Promise<Sitting> {
  const sitting = await at(['bind', 'webauthn', '--name', 'Tiger'], language)
  await sitting.confirmByPassword()
  return sitting
}

/** A command that asks who one is, answered by a security key. */
async function confirming(language: Language = 'en'): Promise<Sitting> {
  const sitting = await at(['recovery-codes'], language)
  await sitting.confirmBy('webauthn', 2)
  return sitting
}

async function loggingIn(language: Language = 'en'): Promise<Sitting> {
  const sitting = await at(['login', person.username], language)
  await sitting.asked(sitting.t('ask.login_method'))
  sitting.press('down', 'down', 'down')
  await sitting.waitFor(`❯ ${sitting.t('method.webauthn')}`)
  sitting.press('enter')
  return sitting
}

async function bound(key: UsbKey): Promise<void> {
  ports.plugIn(key)
  const sitting = await binding()
  await touchNamed(sitting, key)
  key.touch()
  await isDone(sitting)
  ports.pullOut(key)
}

describe.each(languages)('in %s', (language: Language) => {
  it('a key with a PIN is touched, asked for its PIN, and touched again', async () => {
    const key = await ports.key('YubiKey', { pin })
    ports.plugIn(key)
    const sitting = await binding(language)
    const { t } = sitting
    await touchNamed(sitting, key)
    expect(sitting.text()).not.toContain('PIN')
    key.touch()
    await mistypePin(sitting, key, 7)
    sitting.enter(pin)
    await sitting.waitFor(t('key.touch_again', { key: key.name }))
    key.touch()
    await isDone(sitting)
    await sitting.waitFor(t('bind.done_value', { item: t('item.webauthn'), value: 'Tiger' }))
    expect(sitting.written()).not.toContain(pin)
  })

  it('a key that is not bound is passed over by name, and the bound one is touched', async () => {
    const [own, other] = [await ports.key('YubiKey'), await ports.key('Titan')]
    await bound(own)
    ports.plugIn(other, own)
    const sitting = await confirming(language)
    const reason = sitting.t('error.key_no_credentials')
    await sitting.waitFor(sitting.t('key.passed_over', { key: 'Titan', reason }))
    await touchNamed(sitting, own)
    own.touch()
    await isDone(sitting)
  })
})

describe('a key with a PIN', () => {
  it('of CTAP 2.0 is bound, and logs in', async () => {
    const key = await ports.key('YubiKey', { pin, profile: 'ctap2.0' })
    ports.plugIn(key)
    for (const begin of [binding, loggingIn]) {
      const sitting = await begin()
      await touchNamed(sitting, key)
      key.touch()
      await askedForPin(sitting, key)
      sitting.enter(pin)
      await sitting.waitFor(sitting.t('key.touch_again', { key: key.name }))
      key.touch()
      await isDone(sitting)
    }
  })

  it('warns before the last tries, and locks itself for good', async () => {
    const key = await ports.key('YubiKey', { pin })
    ports.plugIn(key)
    for (const left of [8, 5]) {
      const sitting = await binding()
      await touchNamed(sitting, key)
      key.touch()
      await mistypePin(sitting, key, left - 1)
      await mistypePin(sitting, key, left - 2)
      sitting.enter('0000')
      await sitting.waitFor(sitting.t('error.key_pin_auth_blocked'))
      expect(await sitting.exit()).toBe(4)
      key.powerCycle()
    }
    const sitting = await binding()
    await touchNamed(sitting, key)
    key.touch()
    await sitting.waitFor(sitting.t('keys.few_tries', { count: 2 }))
    await mistypePin(sitting, key, 1)
    sitting.enter('0000')
    await sitting.waitFor(sitting.t('next.key_pin_blocked'))
    expect(await sitting.exit()).toBe(5)
  })

  it('at Ctrl-C before its PIN leaves nothing blinking and nothing bound', async () => {
    const [key, other] = [await ports.key('YubiKey', { pin }), await ports.key('Titan', { pin })]
    ports.plugIn(key, other)
    const sitting = await binding()
    await sitting.waitFor(sitting.t('key.touch'))
    key.touch()
    await askedForPin(sitting, key)
    expect(other.received.cancel).toBe(1)
    sitting.type('12')
    sitting.press('ctrl-c')
    expect(await sitting.end()).toEqual({ ...done, exitCode: 130 })
    await sitting.waitFor(sitting.t('error.cancelled'))
    expect([key.credentialCount, other.credentialCount]).toEqual([0, 0])
    expect(await person.item('webauthn')).toMatchObject({ set: false })
  })
})

describe('of two keys', () => {
  it('both blink, and the touched one is bound', async () => {
    const [left, right] = [await ports.key('YubiKey'), await ports.key('Titan')]
    ports.plugIn(left, right)
    const sitting = await binding()
    await sitting.waitFor(sitting.t('key.touch'))
    right.touch()
    await isDone(sitting)
    expect([left.credentialCount, right.credentialCount, left.received.cancel]).toEqual([0, 1, 1])
  })

  it('one that the user may not open is told with its rule, and the other bound', async () => {
    const key = await ports.key('YubiKey')
    ports.plugInClosed('Titan')
    ports.plugIn(key)
    const sitting = await binding()
    await touchNamed(sitting, key)
    await sitting.waitFor('ENV{ID_SECURITY_TOKEN}')
    key.touch()
    await isDone(sitting)
  })
})

it('says at once that the only key is not bound, and takes the right one at the next try', async () => {
  const [own, other] = [await ports.key('YubiKey'), await ports.key('Titan')]
  await bound(own)
  ports.plugIn(other)
  const sitting = await confirming()
  await sitting.waitFor(sitting.t('error.key_no_credentials'))
  ports.pullOut(other)
  ports.plugIn(own)
  await sitting.waitFor(sitting.t('method.webauthn'))
  sitting.press('down', 'down', 'enter')
  await touchNamed(sitting, own)
  own.touch()
  await isDone(sitting)
})

it('asks for a key before there is one, takes it when it comes, and again when it was pulled out', async () => {
  const key = await ports.key('YubiKey')
  const sitting = await binding()
  await sitting.waitFor(sitting.t('key.plug_in'))
  ports.plugIn(key)
  await touchNamed(sitting, key)
  ports.pullOut(key)
  await sitting.waitFor(sitting.t('key.plug_in_again', { key: 'YubiKey' }))
  ports.plugIn(key)
  await touchNamed(sitting, key)
  key.touch()
  await isDone(sitting)
  expect(key.credentialCount).toBe(1)
})

it('takes a second key while the first blinks', async () => {
  const [first, second] = [await ports.key('YubiKey'), await ports.key('Titan')]
  ports.plugIn(first)
  const sitting = await binding()
  await touchNamed(sitting, first)
  ports.plugIn(second)
  await sitting.waitFor(sitting.t('key.touch'))
  second.touch()
  await isDone(sitting)
  expect([first.credentialCount, second.credentialCount]).toEqual([0, 1])
})

it('binds a U2F key, confirms and logs in by it', async () => {
  const key = await ports.key('Old Key', { profile: 'u2f' })
  await bound(key)
  ports.plugIn(key)
  const sitting = await confirming()
  await touchNamed(sitting, key)
  key.touch()
  await isDone(sitting)
  const login = await loggingIn()
  await touchNamed(login, key)
  key.touch()
  // Without user verification it is one factor of two.
  await login.asked(login.t('ask.second_factor'))
  login.press('enter')
  await login.asked(login.t('ask.password'))
  login.enter(person.password)
  await isDone(login)
})

describe('security keys and scripts', () => {
  const bind = ['bind', 'webauthn', '--verify', 'password', '--name', 'Tiger']

  it('a PIN from a file goes to the only key, with one touch', async () => {
    const key = await ports.key('YubiKey', { pin, touch: 'automatic' })
    ports.plugIn(key)
    const run = await person.hufu([...bind, '--pin-file', person.file('pin', `${pin}\n`)], { env: ports.env })
    expect([run.exitCode, run.sequence.filter(event => event === 'touch')]).toEqual([0, ['touch']])
    // INIT, getInfo, the key agreement, the token, the command.
    expect(key.received).toEqual({ init: 1, cbor: 4 })
    expect(run.stdout + run.stderr).not.toContain(pin)
  })

  it('a wrong PIN is tried once, and the tries that are left are told', async () => {
    const key = await ports.key('YubiKey', { pin, touch: 'automatic' })
    for (const args of [bind, [...bind, '--device', key.address]]) {
      ports.plugIn(key)
      const { exitCode, last } = await person.hufu(args, { env: { ...ports.env, HUFU_PIN: '0000' } })
      expect([exitCode, last.code, last.exit_code]).toEqual([4, 'key_pin_invalid', 4])
      ports.pullOut(key)
    }
    ports.plugIn(key)
    const { last } = await person.hufu(bind, { env: { ...ports.env, HUFU_PIN: '0000' } })
    expect(last.tries_left).toBe(5)
  })

  it('of two keys, the PIN goes to the touched one alone', async () => {
    const [left, right] = [await ports.key('YubiKey', { pin: '0000' }), await ports.key('Titan', { pin })]
    ports.plugIn(left, right)
    const run = person.start(bind, { env: { ...ports.env, HUFU_PIN: pin } })
    await run.seen('touch')
    right.touch()
    await until('the PIN', () => ((right.received.cbor ?? 0) >= 5 ? true : undefined))
    await until('the touch', async () => {
      right.touch()
      return right.credentialCount === 1 ? true : undefined
    })
    expect((await run.finished).exitCode).toBe(0)
    // INIT, getInfo and the selection.
    expect(left.received).toEqual({ init: 1, cbor: 2, cancel: 1 })
  })

  it('a key that is pulled out while it blinks ends the command', async () => {
    const key = await ports.key('YubiKey')
    ports.plugIn(key)
    const run = person.start(bind, { env: ports.env })
    await run.seen('touch')
    ports.pullOut(key)
    const { exitCode, last } = await run.finished
    expect([exitCode, last.code]).toEqual([4, 'key_unplugged'])
  })

  it('a lone key that may not be opened is refused with the rule', async () => {
    ports.plugInClosed('Titan')
    const { exitCode, last } = await person.hufu(bind, { env: ports.env })
    expect([exitCode, last.code]).toEqual([5, 'key_no_permission'])
    expect(last.next).toContain('ENV{ID_SECURITY_TOKEN}')
  })

  it('without the PIN, a key that wants it to be bound says so', async () => {
    ports.plugIn(await ports.key('YubiKey', { pin, makeCredUvNotRqd: false }))
    const { exitCode, last } = await person.hufu(bind, { env: ports.env })
    expect([exitCode, last.code]).toEqual([2, 'key_pin_required'])
  })

  it.each([
    ['ctap2.1', {}],
    ['ctap2.0', {}],
    ['u2f', {}],
    ['ctap2.1', { alwaysUv: true, pin }],
    ['ctap2.1', { userVerification: 'fingerprint', pin }],
    ['ctap2.0', { pin }],
  ] as const)('a %s key with %j is bound, confirms and logs in', async (profile, options) => {
    const key = await ports.key('Key', { profile, touch: 'automatic', ...options })
    ports.plugIn(key)
    const env = { ...ports.env, HUFU_PIN: pin }
    const by = ['--verify', 'webauthn']
    // The second factor, where a key alone is none.
    const login = ['login', person.username, ...by, '--verify', 'password']
    for (const args of [bind, ['recovery-codes', ...by], login]) {
      const { exitCode, stderr } = await person.hufu(args, { env })
      expect(exitCode, stderr).toBe(0)
    }
  })
})
