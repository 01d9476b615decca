import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Language, languages } from '../../src/cli/messages/catalogue.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { type SecurityKeySimulator, startSecurityKey } from '../../src/simulators/security-key/index.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { type Sitting, sitDown, standUp } from '../support/sitting.ts'
import { until } from '../support/until.ts'

let server: EphemeralServer
let key: SecurityKeySimulator
afterEach(standUp)

/** What is bound, without when it was used. */
const boundTo = async (person: Person) =>
  (await person.status()).items.map(({ item, set, value, bound_at, keys }) => ({ item, set, value, bound_at, keys }))

const cancelled = { exitCode: 130, cursorVisible: true, lineMode: true }

interface Case {
  readonly at: string
  readonly args: (number: string) => readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Goes on until hufu waits there. */
  readonly until: (sitting: Sitting, number: string) => Promise<unknown>
}

const cases: readonly Case[] = [
  {
    at: 'the list of methods',
    args: () => ['passwd'],
    until: sitting => sitting.asked(sitting.t('ask.step_up')),
  },
  {
    at: 'the password',
    args: () => ['passwd'],
    async until(sitting) {
      await sitting.confirmBy('password')
      await sitting.asked(sitting.t('ask.password'))
      sitting.type('half of it')
      await sitting.waitFor('•'.repeat(10))
    },
  },
  {
    at: 'the new password, typed once',
    args: () => ['passwd'],
    async until(sitting) {
      await sitting.confirmByPassword()
      await sitting.asked(sitting.t('ask.new_password'))
      sitting.enter('a new password')
      await sitting.asked(sitting.t('ask.new_password_again'))
    },
  },
  {
    at: 'the new number',
    args: () => ['bind', 'phone'],
    async until(sitting) {
      await sitting.confirmByPassword()
      await sitting.asked(sitting.t('ask.phone_number'))
    },
  },
  {
    at: 'the code from the new phone',
    args: number => ['bind', 'phone', number],
    async until(sitting) {
      await sitting.confirmByPassword()
      await sitting.asked(sitting.t('ask.code'))
    },
  },
  {
    at: 'the code of the new app',
    args: () => ['bind', 'totp'],
    async until(sitting) {
      await sitting.confirmByPassword()
      await sitting.asked(sitting.t('ask.totp_code'))
    },
  },
  {
    at: 'the scan',
    args: () => ['bind', 'wechat'],
    async until(sitting) {
      await sitting.confirmByPassword()
      await sitting.waitFor(/\d/)
      await sitting.waitFor(sitting.t('wechat.waiting', { code: '|', whole: '|' }).split('|')[0] ?? '')
    },
  },
  {
    at: 'the touch',
    args: () => ['bind', 'webauthn', '--device', key.address],
    async until(sitting) {
      await sitting.confirmByPassword()
      await sitting.asked(sitting.t('ask.key_name'))
      sitting.press('enter')
      await sitting.waitFor(sitting.t('key.touch_named', { key: key.address }))
    },
  },
  {
    at: 'the wait for a key',
    args: () => ['bind', 'webauthn'],
    env: { NODE_OPTIONS: `--require=${new URL('../support/usb-ports.cjs', import.meta.url).pathname}` },
    async until(sitting) {
      await sitting.confirmByPassword()
      await sitting.asked(sitting.t('ask.key_name'))
      sitting.press('enter')
      await sitting.waitFor(sitting.t('key.plug_in'))
    },
  },
]

describe.each(languages)('Ctrl-C, in %s', (language: Language) => {
  // A server of its own: 50 logins from one source in an hour, and it slows them down.
  beforeAll(async () => {
    server = await startEphemeral()
    key = await startSecurityKey({ clock: systemClock, random: systemRandom, touch: 'never' })
  })
  afterAll(async () => {
    await key.close()
    expect(await server.stop()).toBe(0)
  })
  let person: Person
  beforeEach(async () => {
    person = await Person.loggedIn(server, { email: freshAddress() })
  })

  it.each(cases)('at $at changes nothing and leaves the terminal as it was', async ({ args, env, until }) => {
    const before = await boundTo(person)
    const number = freshNumber()
    const sitting = await sitDown(person, language, args(number), env ? { env } : {})
    await until(sitting, number)
    sitting.press('ctrl-c')
    expect(await sitting.end(), sitting.text()).toEqual(cancelled)
    await sitting.waitFor(sitting.t('error.cancelled'))
    expect(sitting.text()).not.toMatch(/^\s+at /m)
    expect(await boundTo(person)).toEqual(before)
    // The session, and the password, are what they were.
    await person.makeRecoveryCodes()
  })

  it('at the login keeps no session', async () => {
    const newcomer = await Person.enrol(server)
    const sitting = await sitDown(newcomer, language, ['login', newcomer.username])
    await sitting.asked(sitting.t('ask.login_method'))
    sitting.press('ctrl-c')
    expect(await sitting.end()).toEqual(cancelled)
    expect((await newcomer.hufu(['status'])).exitCode).toBe(3)
  })

  it('in the menu leaves it', async () => {
    const sitting = await sitDown(person, language, [])
    await sitting.asked(sitting.t('menu.choose'))
    sitting.press('ctrl-c')
    expect(await sitting.end()).toEqual(cancelled)
  })

  it('while the key blinks tells the key that nobody will touch it', async () => {
    const cancels = key.received.cancel ?? 0
    const sitting = await sitDown(person, language, ['bind', 'webauthn', '--name', 'Tiger', '--device', key.address])
    await sitting.confirmByPassword()
    await sitting.waitFor(sitting.t('key.touch_named', { key: key.address }))
    sitting.press('ctrl-c')
    expect(await sitting.end()).toEqual(cancelled)
    await until('the cancel', () => ((key.received.cancel ?? 0) > cancels ? true : undefined))
  })
})
