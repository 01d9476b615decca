import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Language, languages } from '../../src/cli/messages/catalogue.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { maskEmail, maskPhone } from '../../src/server/domain/masks.ts'
import { type SecurityKeySimulator, startSecurityKey } from '../../src/simulators/security-key/index.ts'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { palettes, readQr } from '../support/screen-qr.ts'
import { type Sitting, sitDown, standUp } from '../support/sitting.ts'

let server: EphemeralServer
afterEach(standUp)

const done = { exitCode: 0, cursorVisible: true, lineMode: true }

describe.each(languages)('the six flows at a terminal, in %s', (language: Language) => {
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
  const commandDone = async (sitting: Sitting) => expect(await sitting.end(), sitting.text()).toEqual(done)

  it('logs in: user name, method, password', async () => {
    const newcomer = await Person.enrol(server)
    const sitting = await sitDown(newcomer, language, ['login'])
    const { t } = sitting
    await sitting.asked(t('ask.username'))
    sitting.enter(newcomer.username)
    await sitting.asked(t('ask.login_method'))
    expect(sitting.screen()).toContain(`❯ ${t('method.password')}`)
    sitting.press('enter')
    await sitting.asked(t('ask.password'))
    sitting.enter(newcomer.password)
    await commandDone(sitting)
    const welcome = t('login.done', { username: newcomer.username, server: server.url, time: '' }).split(
      newcomer.username,
    )
    for (const words of welcome) expect(sitting.text()).toContain(words.split(/[。.]/)[0])
    expect((await newcomer.status()).username).toBe(newcomer.username)
  })

  it('offers the password first, and the other methods with masked hints', async () => {
    const phone = freshNumber()
    await person.bindPhone(phone)
    const sitting = await at(['passwd'])
    const { t } = sitting
    await sitting.asked(t('ask.step_up'))
    await sitting.waitFor(t('prompt.keys'))
    const start = sitting.screen().findIndex(line => line.startsWith('? '))
    expect(sitting.screen().slice(start)).toEqual([
      `? ${t('ask.step_up')}`,
      `❯ ${t('method.password')}`,
      `  ${t('method.email')}  ${maskEmail(email)}`,
      `  ${t('method.phone')}  ${maskPhone(phone)}`,
      '',
      t('prompt.keys'),
    ])
    expect(sitting.text()).not.toContain(email)
    expect(sitting.text()).not.toContain(phone)
  })

  it('changes the password', async () => {
    const sitting = await at(['passwd'])
    const { t } = sitting
    await sitting.confirmByPassword()
    const newPassword = 'Both halves match 1'
    await sitting.asked(t('ask.new_password'))
    sitting.enter(newPassword)
    await sitting.asked(t('ask.new_password_again'))
    sitting.enter(newPassword)
    await commandDone(sitting)
    await sitting.waitFor(t('passwd.done'))
    for (const secret of [person.password, newPassword]) expect(sitting.written()).not.toContain(secret)
    person.password = newPassword
    await person.makeRecoveryCodes()
  })

  it('binds a phone', async () => {
    const sitting = await at(['bind', 'phone'])
    const { t } = sitting
    await sitting.confirmByPassword()
    const number = freshNumber()
    await sitting.asked(t('ask.phone_number'))
    sitting.enter(number)
    await sitting.asked(t('ask.code'))
    await sitting.waitFor(t('code.sent', { destination: number }))
    sitting.enter(await server.outbox.latestCode(number))
    await commandDone(sitting)
    await sitting.waitFor(t('bind.done_value', { item: t('item.phone'), value: maskPhone(number) }))
    expect(await person.item('phone')).toMatchObject({ set: true, value: maskPhone(number) })
  })

  it('replaces the email address, confirmed by a code to the old one', async () => {
    const sitting = await at(['bind', 'email'])
    const { t } = sitting
    await sitting.confirmBy('email', 1)
    await sitting.asked(t('ask.code'))
    await sitting.waitFor(t('code.sent', { destination: maskEmail(email) }))
    sitting.enter(await server.outbox.latestCode(email))
    const address = freshAddress()
    await sitting.asked(t('ask.email_address'))
    sitting.enter(address)
    await sitting.asked(t('ask.code'))
    sitting.enter(await server.outbox.latestCode(address))
    await commandDone(sitting)
    const value = maskEmail(address)
    await sitting.waitFor(t('bind.replaced_value', { item: t('item.email'), value }))
    expect(await person.item('email')).toMatchObject({ set: true, value })
  })

  it('binds an app by a QR code that fits on the screen with its secret', async () => {
    const sitting = await at(['bind', 'totp'])
    const { t } = sitting
    await sitting.confirmByPassword()
    await sitting.asked(t('ask.totp_code'))
    const [before = '', after = ''] = t('totp.secret', { secret: '|' }).split('|')
    expect(sitting.text().replace(/\s+/g, '')).toContain(before.replace(/\s+/g, '') + after)
    const uri = new URL(readQr(sitting.screenBuffer, palettes.dark) ?? 'none:')
    expect(uri.protocol).toBe('otpauth:')
    const secret = uri.searchParams.get('secret') ?? ''
    const shown = sitting
      .screen()
      .join(' ')
      .match(/(?:[A-Z2-7]{4}\s+)+[A-Z2-7]{4}/)?.[0]
    expect(shown?.replace(/\s+/g, '')).toBe(secret)
    sitting.enter(new AuthenticatorApp(secret).code())
    await commandDone(sitting)
    await sitting.waitFor(t('bind.done', { item: t('item.totp') }))
    expect(await person.item('totp')).toMatchObject({ set: true })
  })

  it('binds WeChat: the command ends by itself when the scan arrives', async () => {
    const sitting = await at(['bind', 'wechat'])
    const { t } = sitting
    await sitting.confirmByPassword()
    await sitting.waitFor(t('wechat.scan'))
    const openid = `o${language}-pty-${'x'.repeat(20)}`
    expect(await server.scan(readQr(sitting.screenBuffer, palettes.dark) ?? '', openid)).toBe(200)
    await commandDone(sitting)
    const { value } = await person.item('wechat')
    await sitting.waitFor(t('bind.done_value', { item: t('item.wechat'), value: value ?? '' }))
  })

  describe('with a security key that waits for a finger', () => {
    let key: SecurityKeySimulator
    beforeEach(async () => {
      key = await startSecurityKey({ clock: systemClock, random: systemRandom, touch: 'never' })
    })
    afterEach(() => key.close())

    it('binds the key when it is touched, and confirms by it', async () => {
      const sitting = await at(['bind', 'webauthn', '--device', key.address])
      const { t } = sitting
      const blinks = t('key.touch_named', { key: key.address })
      await sitting.confirmByPassword()
      await sitting.asked(t('ask.key_name'))
      await sitting.waitFor(t('webauthn.insert'))
      sitting.enter('虎符 1')
      await sitting.waitFor(blinks)
      key.touch()
      await commandDone(sitting)
      expect(sitting.screen()).toContain(`✓ ${t('bind.done_value', { item: t('item.webauthn'), value: '虎符 1' })}`)
      expect(sitting.text()).not.toContain(blinks)

      const again = await at(['recovery-codes', '--device', key.address])
      await again.confirmBy('webauthn', 2)
      await again.waitFor(blinks)
      key.touch()
      await commandDone(again)
      await again.waitFor(t('recovery.keep'))
    })
  })
})
