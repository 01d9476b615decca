import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Language, languages, loadCatalogue, type Translate } from '../../src/cli/messages/catalogue.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import {
  type SecurityKeyOptions,
  type SecurityKeySimulator,
  startSecurityKey,
} from '../../src/simulators/security-key/index.ts'
import { type Pty, spawnTerminal } from '../support/pty.ts'
import { normalise } from '../support/transcript.ts'
import { type PluggedIn, usbPorts } from '../support/usb-ports.ts'

// `hufu key` and `hufu doctor` as people see them. Read them as somebody who has never seen hufu would;
// `npx vitest run test/e2e/key-transcripts.test.ts -u` writes them anew.

const locales: Readonly<Record<Language, string>> = { en: 'en_GB.UTF-8', 'zh-CN': 'zh_CN.UTF-8' }
const members = new Map<number, number | Map<string, number>>([
  [0x13, new Map([['FIDO', 1]])],
  [0x14, 24],
  [0x3f, 7],
])

describe.each(languages)('transcripts of keys in %s', (language: Language) => {
  let t: Translate
  let keys: Readonly<Record<'tiger' | 'tally' | 'seal' | 'slow' | 'finger' | 'weary', SecurityKeySimulator>>
  const usb = usbPorts()
  const open: Pty[] = []

  beforeAll(async () => {
    t = await loadCatalogue(language)
    const start = (options: Partial<SecurityKeyOptions> = {}) =>
      startSecurityKey({ clock: systemClock, random: systemRandom, ...options })
    keys = {
      tiger: await start({ minPinLength: 6 }),
      tally: await start({ profile: 'u2f', touch: 'never' }),
      seal: await start({ profile: 'ctap2.0', pin: '123456', touch: 'never' }),
      slow: await start({ resetWindow: true }),
      finger: await start({ pin: '123456', forcePinChange: true, userVerification: 'fingerprint', extraInfo: members }),
      weary: await start({ pin: '123456' }),
    }
  })
  afterAll(() => Promise.all(Object.values(keys ?? {}).map(key => key.close())))
  afterEach(() => {
    for (const pty of open.splice(0)) pty.kill()
  })

  const port = (key: keyof typeof keys, product: string, number = 0): PluggedIn => ({
    path: `/dev/hidraw${number}`,
    product,
    udpPort: keys[key].port,
  })
  const locked: PluggedIn = { path: '/dev/hidraw5', product: 'Locked Key', denied: true }

  /** Runs a command at a terminal of 80×24 and compares all that was on the screen with the file `name`. */
  async function transcript(name: string, args: readonly string[], drive?: (pty: Pty) => Promise<void>): Promise<void> {
    const pty = spawnTerminal(args, { env: { ...usb.env, LC_ALL: locales[language] } })
    open.push(pty)
    await drive?.(pty)
    const code = await pty.exit()
    await expect
      .soft(normalise(`$ hufu ${args.join(' ')}\n${pty.text()}\n[${code}]\n`))
      .toMatchFileSnapshot(`transcripts/${language}/${name}.txt`)
  }

  /** Types these lines, each when its question stands for the first time after the one before. */
  const answering =
    (...answers: (readonly [question: string, answer: string])[]) =>
    async (pty: Pty) => {
      const asked = new Map<string, number>()
      for (const [question, answer] of answers) {
        const times = (asked.get(question) ?? 0) + 1
        asked.set(question, times)
        const found = `[?✔] ${question.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`
        await pty.waitFor(new RegExp(`(?:${found}[^]*){${times}}`))
        pty.enter(answer)
      }
    }

  it('what is plugged in', async () => {
    await transcript('key-list-none', ['key', 'list'])
    await transcript('doctor-none', ['doctor'])
    usb.plugIn(
      port('tiger', 'Tiger Key\u001b[31m', 0),
      port('tally', 'Old Tally', 1),
      port('finger', 'Finger', 2),
      locked,
    )
    await transcript('key-list', ['key', 'list'])
    await transcript('doctor', ['doctor'])
    usb.plugIn(port('finger', 'Finger'))
    await transcript('key-info', ['key', 'info'])
    usb.plugIn(port('tally', 'Old Tally'))
    await transcript('key-info-u2f', ['key', 'info'])
    await transcript('key-wink', ['key', 'wink'])
    usb.plugIn(locked)
    await transcript('error-key-permission', ['key', 'info'])
  })

  it('several keys: the touched one', async () => {
    usb.plugIn(port('seal', 'Seal', 0), port('tally', 'Old Tally', 1))
    await transcript('key-choose', ['key', 'wink'], async pty => {
      await pty.waitFor(t('keys.choose'))
      const touching = setInterval(() => keys.seal.touch(), 50)
      await pty
        .waitFor(t('keys.chosen', { key: t('keys.at', { key: 'Seal', path: '/dev/hidraw0' }) }))
        .finally(() => clearInterval(touching))
    })
    await transcript('error-key-which', ['key', 'wink', '--no-input'])
  })

  it('the PIN', async () => {
    const next = (shortest: number) => t('ask.new_pin', { shortest })
    usb.plugIn(port('tiger', 'Tiger Key'))
    await transcript('error-key-pin-none', ['key', 'pin', 'change'])
    await transcript(
      'key-pin-set',
      ['key', 'pin', 'set'],
      answering(
        [next(6), '1234'],
        [next(6), '123456'],
        [t('ask.new_pin_again'), '123465'],
        [next(6), '123456'],
        [t('ask.new_pin_again'), '123456'],
      ),
    )
    await transcript('error-key-pin-exists', ['key', 'pin', 'set'])
    await transcript(
      'key-pin-change',
      ['key', 'pin', 'change'],
      answering(
        [t('ask.current_pin'), '654321'],
        [next(6), 'tiger tally'],
        [t('ask.new_pin_again'), 'tiger tally'],
        [t('ask.current_pin'), '123456'],
      ),
    )
    usb.plugIn(port('weary', 'Weary'))
    await transcript(
      'error-key-pin-blocked-until-replug',
      ['key', 'pin', 'change'],
      answering(
        [t('ask.current_pin'), '111111'],
        [next(4), '222222'],
        [t('ask.new_pin_again'), '222222'],
        [t('ask.current_pin'), '111112'],
        [t('ask.current_pin'), '111113'],
      ),
    )
    await transcript('error-key-pin-still-blocked', ['key', 'pin', 'change'])
    usb.plugIn(port('tally', 'Old Tally'))
    await transcript('error-key-pin-u2f', ['key', 'pin', 'set'])
    usb.plugIn(port('finger', 'Finger'))
    await transcript('key-pin-forced', ['key', 'pin', 'change'], async pty => {
      await pty.waitFor(t('ask.current_pin'))
      pty.press('ctrl-c')
    })
    await transcript('error-key-pin-no-input', ['key', 'pin', 'change', '--no-input'])
    await transcript('error-key-pin-in-argv', ['key', 'pin', 'change', '--new-pin', '123456'])
  })

  it('erasing', async () => {
    const question = (key: string) => t('ask.reset', { word: 'reset', key })
    const tiger = port('tiger', 'Tiger Key', 0)
    usb.plugIn(tiger, locked)
    await transcript('key-reset', ['key', 'reset'], async pty => {
      await answering([question('Tiger Key'), 'yes'])(pty)
      await pty.waitFor(t('check.confirmation', { word: 'reset' }))
      for (let typed = 0; typed < 3; typed++) pty.press('backspace')
      pty.enter('reset')
      await pty.waitFor(t('keys.unplug', { key: 'Tiger Key' }))
      usb.plugIn(locked)
      await pty.waitFor(t('keys.plug_in', { key: 'Tiger Key' }))
      usb.plugIn(port('tiger', 'Tiger Key', 3), locked)
    })
    await transcript('key-list-after-reset', ['key', 'list', '--device', '/dev/hidraw3'])
    usb.plugIn(tiger)
    await transcript('error-key-reset-other', ['key', 'reset'], async pty => {
      await answering([question('Tiger Key'), 'reset'])(pty)
      await pty.waitFor(t('keys.unplug', { key: 'Tiger Key' }))
      usb.plugIn()
      await pty.waitFor(t('keys.plug_in', { key: 'Tiger Key' }))
      usb.plugIn(port('finger', 'Finger'))
    })
    usb.plugIn(tiger)
    await transcript('key-reset-cancelled', ['key', 'reset'], async pty => {
      await pty.waitFor(question('Tiger Key'))
      pty.press('ctrl-c')
    })
    usb.plugIn(port('tally', 'Old Tally'))
    await transcript('error-key-reset-u2f', ['key', 'reset'])
    await transcript('error-key-reset-late', ['key', 'reset', '--device', keys.slow.address, '--confirm', 'reset'])
    await transcript('error-key-reset-word', ['key', 'reset', '--device', keys.slow.address, '--confirm', 'yes'])
  })

  it('the help', async () => {
    for (const args of [['key'], ['key', 'pin'], ['key', 'reset', '--help']]) {
      await transcript(`help-${args.filter(word => word !== '--help').join('-')}`, args)
    }
  })
})
