import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Language, languages } from '../../src/cli/messages/catalogue.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { poisonous, startHostileProxy } from '../support/hostile-proxy.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { type Palette, palettes, readQr } from '../support/screen-qr.ts'
import { sitDown, standUp } from '../support/sitting.ts'

let server: EphemeralServer
let person: Person
beforeAll(async () => {
  server = await startEphemeral()
  person = await Person.loggedIn(server, { email: freshAddress() })
})
afterAll(async () => {
  expect(await server.stop()).toBe(0)
})
afterEach(standUp)

const everyPalette = Object.entries<Palette>(palettes)
const squeezed = (text: string) => text.replace(/\s+/g, '')

describe.each(languages)('the screen, in %s', (language: Language) => {
  const at = (args: readonly string[], options: Parameters<typeof sitDown>[3] = {}) =>
    sitDown(person, language, args, options)

  it('shows an app’s QR code whole, with its secret, and it scans on dark and light palettes', async () => {
    const sitting = await at(['bind', 'totp'])
    await sitting.confirmByPassword()
    await sitting.asked(sitting.t('ask.totp_code'))
    const [line = ''] = sitting.screen().filter(each => each.startsWith('? '))
    expect(sitting.screen().length).toBeLessThanOrEqual(24)
    expect(line).toBe(`? ${sitting.t('ask.totp_code')}`)
    const read = everyPalette.map(([name, palette]) => [name, readQr(sitting.screenBuffer, palette)])
    const [, uri = 'none:'] = read[0] ?? []
    expect(uri).toMatch(/^otpauth:\/\/totp\//)
    expect(read).toEqual(everyPalette.map(([name]) => [name, uri]))
    const secret = new URL(uri).searchParams.get('secret') ?? 'no secret'
    expect(squeezed(sitting.screen().join(''))).toContain(secret.slice(0, 4))
    expect(sitting.screen().join('\n')).toContain(secret.slice(-4))
  })

  it('shows WeChat’s QR code whole, and it scans on dark and light palettes', async () => {
    const sitting = await at(['bind', 'wechat'])
    await sitting.confirmByPassword()
    await sitting.waitFor(sitting.t('wechat.waiting', { code: '|', whole: '|' }).split('|')[0] ?? '')
    const read = everyPalette.map(([name, palette]) => [name, readQr(sitting.screenBuffer, palette)])
    expect(read).toEqual(everyPalette.map(([name]) => [name, expect.stringMatching(/^http/)]))
  })

  it('still shows an app’s QR code whole on 40 columns, and it scans', async () => {
    const sitting = await at(['bind', 'totp'], { columns: 40 })
    await sitting.confirmByPassword()
    await sitting.asked(sitting.t('ask.totp_code'))
    expect(readQr(sitting.screenBuffer, palettes.dark), sitting.screen().join('\n')).toMatch(/^otpauth:/)
    expect(squeezed(sitting.text())).toMatch(/[A-Z2-7]{32}/)
  })

  it('draws no QR code on 36 columns, says why, and gives the text', async () => {
    const sitting = await at(['bind', 'totp'], { columns: 36 })
    await sitting.confirmByPassword()
    await sitting.asked(sitting.t('ask.totp_code'))
    const [why = ''] = sitting.t('qr.too_small', { columns: '|', rows: '|' }).split('|')
    expect(squeezed(sitting.text())).toContain(squeezed(why))
    expect(sitting.text()).not.toMatch(/[█▀▄]/)
    expect(squeezed(sitting.text())).toMatch(/otpauth:\/\/totp\/[^?]+\?\S*secret=[A-Z2-7]{32}/)
    for (const line of sitting.text().split('\n')) expect(line.length).toBeLessThanOrEqual(36)
  })

  it('shows the page on 40 columns one cell to a line', async () => {
    const sitting = await at(['status'], { columns: 40 })
    expect(await sitting.exit()).toBe(0)
    const lines = sitting.text().split('\n')
    expect(lines).toContain(`  ${sitting.t('status.item')}: ${sitting.t('item.phone')}`)
    expect(lines).toContain(`  ${sitting.t('status.command')}: hufu bind phone`)
  })

  it('draws no QR code where the locale is not UTF-8', async () => {
    const sitting = await at(['bind', 'totp', '--lang', language], { env: { LC_ALL: 'C' } })
    await sitting.confirmByPassword()
    await sitting.asked(sitting.t('ask.totp_code'))
    expect(squeezed(sitting.text())).toContain(squeezed(sitting.t('qr.no_terminal')))
    expect(sitting.text()).not.toMatch(/[█▀▄]/)
    expect(squeezed(sitting.text())).toMatch(/otpauth:\/\/totp\/[^?]+\?\S*secret=[A-Z2-7]{32}/)
  })

  it('shows the menu for hufu alone: every entry, the first that is not set preselected', async () => {
    person = await Person.loggedIn(server, { email: freshAddress() })
    const sitting = await at([])
    const { t } = sitting
    await sitting.asked(t('menu.choose'))
    await sitting.waitFor(t('prompt.keys'))
    const lines = sitting.screen()
    const menu = lines.slice(lines.indexOf(`? ${t('menu.choose')}`))
    const bind = (item: 'phone' | 'totp' | 'wechat' | 'webauthn') => t('menu.bind', { item: t(`item.${item}`) })
    expect(menu).toEqual([
      `? ${t('menu.choose')}`,
      `  ${t('menu.change', { item: t('item.password') })}`,
      `❯ ${bind('phone')}`,
      `  ${t('menu.change', { item: t('item.email') })}`,
      `  ${bind('totp')}`,
      `  ${bind('wechat')}`,
      `  ${bind('webauthn')}`,
      `  ${t('menu.unbind')}`,
      `  ${t('menu.recovery')}`,
      `  ${t('menu.sessions')}`,
      `  ${t('menu.log')}`,
      `  ${t('menu.quit')}`,
      '',
      t('prompt.keys'),
    ])
    expect(sitting.text()).toContain(t('status.title', { username: person.username }))
    for (let step = 0; step < 9; step++) sitting.press('down')
    await sitting.waitFor(`❯ ${t('menu.quit')}`)
    sitting.press('enter')
    expect(await sitting.end()).toEqual({ exitCode: 0, cursorVisible: true, lineMode: true })
  })

  it('swallows nothing that is typed before it is asked', async () => {
    person = await Person.loggedIn(server)
    const sitting = await at(['bind', 'phone'])
    const number = freshNumber()
    sitting.type(`\r${person.password}\r${number}\r`)
    await sitting.asked(sitting.t('ask.code'))
    sitting.enter(await server.outbox.latestCode(number))
    expect(await sitting.exit()).toBe(0)
    expect((await person.item('phone')).set).toBe(true)
  })
})

describe('a hostile server', () => {
  it.each([
    { args: ['status'], shows: '***' },
    { args: ['sessions'], shows: 'hufu/' },
    { args: ['log'], shows: 'Confirmed by' },
    { args: ['status', '--json'], shows: '"items"' },
    { args: ['sessions', 'revoke', 'AAAAAAAAAAAAAAAAAAAAAA'], shows: 'Strange.' },
    { args: ['passwd'], shows: '***', menu: true },
    { args: ['recovery-codes'], shows: '    ', password: true },
  ])('has $args show nothing but printable text', async ({ args, shows, menu, password }) => {
    const proxy = await startHostileProxy(server.url)
    try {
      const hostile = { home: person.home, password: person.password, server: { ...server, url: proxy.origin } }
      const login = await sitDown(hostile, 'en', ['login', person.username])
      await login.asked(login.t('ask.login_method'))
      login.type(`\r${person.password}\r`)
      expect(await login.exit(), login.text()).toBe(0)
      expect(login.written()).not.toMatch(poisonous)

      const sitting = await sitDown(hostile, 'en', args)
      if (menu) await sitting.asked(sitting.t('ask.step_up'))
      if (menu) sitting.press('ctrl-c')
      if (password) await sitting.confirmByPassword()
      await sitting.end()
      expect(sitting.text()).toContain(shows)
      expect(sitting.text()).toContain('HACK')
      expect(sitting.written()).not.toMatch(poisonous)
    } finally {
      await proxy.close()
    }
  })
})
