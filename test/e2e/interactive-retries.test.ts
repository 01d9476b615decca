import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Language, languages } from '../../src/cli/messages/catalogue.ts'
import { maskPhone } from '../../src/server/domain/masks.ts'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { palettes, readQr } from '../support/screen-qr.ts'
import { type Sitting, sitDown, standUp } from '../support/sitting.ts'

let server: EphemeralServer
afterEach(standUp)

/** A code that is none of `codes`. */
const wrongCode = (...codes: string[]): string =>
  ['000000', '111111', '222222', '333333'].find(code => !codes.includes(code)) ?? '444444'

/** How often `words` are in `text`; blanks and line ends do not count. */
const timesIn = (text: string, words: string): number =>
  text.replace(/\s+/g, '').split(words.replace(/\s+/g, '')).length - 1

describe.each(languages)('a person who errs, in %s', (language: Language) => {
  // A server of its own: 50 logins from one source in an hour, and it slows them down.
  beforeAll(async () => {
    server = await startEphemeral()
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })
  let person: Person
  let email: string
  beforeEach(async () => {
    email = freshAddress()
    person = await Person.loggedIn(server, { email })
  })
  const at = (args: readonly string[]): Promise<Sitting> => sitDown(person, language, args)

  it('types a wrong password, then the right one', async () => {
    const sitting = await at(['recovery-codes'])
    const { t } = sitting
    await sitting.confirmBy('password')
    await sitting.asked(t('ask.password'))
    sitting.enter('not my password')
    const methods = [t('method.password'), t('method.email')].join(t('list.and'))
    await sitting.waitFor(`✗ ${t('error.password_incorrect')}`)
    await sitting.asked(t('ask.step_up'), t('refused.remaining', { methods }))
    sitting.press('enter')
    await sitting.asked(t('ask.password'))
    sitting.enter(person.password)
    expect(await sitting.exit()).toBe(0)
    expect(timesIn(sitting.text(), t('error.password_incorrect'))).toBe(1)
    expect(sitting.written()).not.toContain('not my password')
  })

  it('types a wrong password, then picks the code by email, errs there too, and gets through', async () => {
    const sitting = await at(['bind', 'phone'])
    const { t } = sitting
    await sitting.confirmBy('password')
    await sitting.asked(t('ask.password'))
    sitting.enter('not my password')
    await sitting.waitFor(t('error.password_incorrect'))
    await sitting.confirmBy('email', 1)
    await sitting.asked(t('ask.code'))
    const code = await server.outbox.latestCode(email)
    sitting.enter(wrongCode(code))
    await sitting.waitFor(`✗ ${t('error.code_incorrect')}`)
    await sitting.confirmBy('email', 1)
    await sitting.asked(t('ask.code'))
    sitting.enter(code)
    await sitting.asked(t('ask.phone_number'))
    expect(await server.outbox.codeCount(email)).toBe(1)
    sitting.press('ctrl-c')
    expect(await sitting.exit()).toBe(130)
  })

  it('mistypes a phone number, and is told the form that is expected, before and after it is sent', async () => {
    const sitting = await at(['bind', 'phone'])
    const { t } = sitting
    await sitting.confirmByPassword()
    await sitting.asked(t('ask.phone_number'))
    sitting.enter('my phone')
    await sitting.waitFor(`> ${t('check.phone_number')}`)
    for (const _ of 'my phone') sitting.press('backspace')
    sitting.enter('+86 1380')
    await sitting.asked(t('ask.phone_number'), t('error.phone_number_invalid') + t('next.phone_number_invalid'))
    const number = freshNumber()
    sitting.enter(number.replace(/^\+86(\d{3})(\d{4})/, '$1 $2-'))
    await sitting.asked(t('ask.code'), t('code.sent', { destination: number }))
    sitting.enter(await server.outbox.latestCode(number))
    expect(await sitting.exit()).toBe(0)
    expect(timesIn(sitting.text(), t('ask.step_up'))).toBe(1)
    expect(await person.item('phone')).toMatchObject({ value: maskPhone(number) })
  })

  it('types a wrong code from the new phone, and something that is no code, then the right one', async () => {
    const sitting = await at(['bind', 'phone'])
    const { t } = sitting
    await sitting.confirmByPassword()
    const number = freshNumber()
    await sitting.asked(t('ask.phone_number'))
    sitting.enter(number)
    await sitting.asked(t('ask.code'))
    sitting.enter('12345')
    await sitting.waitFor(`> ${t('check.six_digits')}`)
    for (const _ of '12345') sitting.press('backspace')
    const code = await server.outbox.latestCode(number)
    sitting.enter(wrongCode(code))
    await sitting.asked(t('ask.code'), t('error.code_incorrect') + t('next.code_incorrect'))
    sitting.enter(code)
    expect(await sitting.exit()).toBe(0)
    expect(await server.outbox.codeCount(number)).toBe(1)
  })

  it('asks for another code too early, and is told when', async () => {
    const sitting = await at(['bind', 'email'])
    const { t } = sitting
    await sitting.confirmByPassword()
    const address = freshAddress()
    await sitting.asked(t('ask.email_address'))
    sitting.enter(address)
    await sitting.asked(t('ask.code'))
    const [longest = ''] = t('code.resend_later', { when: '|' })
      .split('|')
      .sort((one, other) => other.length - one.length)
    sitting.enter('r')
    await sitting.waitFor(longest)
    await sitting.waitFor(/\d[^✔]*\n\? .*$/)
    sitting.enter(await server.outbox.latestCode(address))
    expect(await sitting.exit()).toBe(0)
    expect(await server.outbox.codeCount(address)).toBe(1)
  })

  it('chooses weak passwords, and is asked again with the same proof', async () => {
    const sitting = await at(['passwd'])
    const { t } = sitting
    await sitting.confirmByPassword()
    await sitting.asked(t('ask.new_password'))
    sitting.enter('Abc1')
    await sitting.asked(t('ask.new_password'), t('check.password_length'))
    sitting.enter('one thing and')
    await sitting.asked(t('ask.new_password_again'))
    sitting.enter('another thing')
    await sitting.asked(t('ask.new_password'), t('error.passwords_differ'))
    for (const [weak, code] of [
      ['password', 'password_too_common'],
      [person.password, 'password_unchanged'],
    ] as const) {
      sitting.enter(weak)
      await sitting.asked(t('ask.new_password_again'))
      sitting.enter(weak)
      await sitting.asked(t('ask.new_password'), t(`error.${code}`) + t(`next.${code}`))
    }
    sitting.enter('short but rare 7')
    await sitting.asked(t('ask.new_password_again'))
    sitting.enter('short but rare 7')
    expect(await sitting.exit()).toBe(0)
    expect(timesIn(sitting.text(), t('ask.step_up'))).toBe(1)
    expect(await person.logged('password.change')).toHaveLength(1)
  })

  it('types a wrong code of the new app, then the right one', async () => {
    const sitting = await at(['bind', 'totp'])
    const { t } = sitting
    await sitting.confirmByPassword()
    await sitting.asked(t('ask.totp_code'))
    const uri = new URL(readQr(sitting.screenBuffer, palettes.dark) ?? 'none:')
    const app = new AuthenticatorApp(uri.searchParams.get('secret') ?? '')
    sitting.enter(app.wrongCode())
    await sitting.asked(t('ask.totp_code'), t('error.totp_incorrect') + t('next.totp_incorrect'))
    sitting.enter(app.code())
    expect(await sitting.exit()).toBe(0)
  })

  it('names a method that is not bound, and nothing else is taken in its place', async () => {
    const sitting = await at(['passwd', '--verify', 'totp'])
    const { t } = sitting
    expect(await sitting.exit()).toBe(4)
    await sitting.waitFor(t('error.method_not_available', { available: 'password, email' }))
    expect(sitting.text()).not.toContain('? ')
  })
})
