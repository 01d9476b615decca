import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Language, languages, loadCatalogue, type Translate } from '../../src/cli/messages/catalogue.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { type Pty, spawnTerminal } from '../support/pty.ts'
import { normalise } from '../support/transcript.ts'
import { UsbPorts } from '../support/usb-ports.ts'

// `hufu key` and `hufu doctor` as people see them. Read them as somebody who has never seen hufu would;
// `npx vitest run test/e2e/key-transcripts.test.ts -u` writes them anew.

const locales: Readonly<Record<Language, string>> = { en: 'en_GB.UTF-8', 'zh-CN': 'zh_CN.UTF-8' }
const members = new Map<number, number | Map<string, number>>([
  [0x13, new Map([['FIDO', 1]])],
  [0x14, 24],
  [0x3f, 7],
])

/** The clock of a key that was plugged in a minute before anybody speaks to it. */
function lateClock(): Clock {
  let looks = 0
  return { ...systemClock, now: () => systemClock.now() + (looks++ === 0 ? 0 : 60_000) }
}

describe.each(languages)('transcripts of keys in %s', (language: Language) => {
  let t: Translate
  let usb: UsbPorts
  const open: Pty[] = []

  beforeAll(async () => {
    t = await loadCatalogue(language)
  })
  beforeEach(() => {
    usb = new UsbPorts()
  })
  afterEach(async () => {
    for (const pty of open.splice(0)) pty.kill()
    await usb.clear()
  })

  const tigerKey = () => usb.key('Tiger Key', { minPinLength: 6, touch: 'automatic' })
  const oldTally = () => usb.key('Old Tally', { profile: 'u2f' })
  const finger = () =>
    usb.key('Finger', { pin: '123456', forcePinChange: true, userVerification: 'fingerprint', extraInfo: members })

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
    const keys = [await usb.key('Tiger Key\u001b[31m'), await oldTally(), await finger()]
    usb.plugIn(...keys)
    usb.plugInClosed('Locked Key')
    await transcript('key-list', ['key', 'list'])
    await transcript('doctor', ['doctor'])
    await transcript('key-info', ['key', 'info', '/dev/hidraw2'])
    await transcript('key-info-u2f', ['key', 'info', '/dev/hidraw1'])
    await transcript('key-wink', ['key', 'wink', '/dev/hidraw1'])
    await transcript('error-key-permission', ['key', 'info', '/dev/hidraw3'])
  })

  it('several keys: the touched one', async () => {
    const seal = await usb.key('Seal', { profile: 'ctap2.0', pin: '123456' })
    usb.plugIn(seal, await oldTally())
    await transcript('key-choose', ['key', 'wink'], async pty => {
      await pty.waitFor(t('keys.choose'))
      const touching = setInterval(() => seal.touch(), 50)
      const chosen = t('keys.chosen', { key: t('keys.at', { key: 'Seal', path: '/dev/hidraw0' }) })
      await pty.waitFor(chosen).finally(() => clearInterval(touching))
    })
    await transcript('error-key-which', ['key', 'wink', '--no-input'])
  })

  it('the PIN', async () => {
    const next = (shortest: number) => t('ask.new_pin', { shortest })
    usb.plugIn(await tigerKey())
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
  })

  it('a PIN that is not taken', async () => {
    const next = t('ask.new_pin', { shortest: 4 })
    const weary = await usb.key('Weary', { pin: '123456' })
    usb.plugIn(weary)
    await transcript(
      'error-key-pin-blocked-until-replug',
      ['key', 'pin', 'change'],
      answering(
        [t('ask.current_pin'), '111111'],
        [next, '222222'],
        [t('ask.new_pin_again'), '222222'],
        [t('ask.current_pin'), '111112'],
        [t('ask.current_pin'), '111113'],
      ),
    )
    await transcript('error-key-pin-still-blocked', ['key', 'pin', 'change'])
    usb.pullOut(weary)
    const tally = await oldTally()
    usb.plugIn(tally)
    await transcript('error-key-pin-u2f', ['key', 'pin', 'set'])
    usb.pullOut(tally)
    usb.plugIn(await finger())
    await transcript('key-pin-forced', ['key', 'pin', 'change'], async pty => {
      await pty.waitFor(t('ask.current_pin'))
      pty.press('ctrl-c')
    })
    await transcript('error-key-pin-no-input', ['key', 'pin', 'change', '--no-input'])
    await transcript('error-key-pin-in-argv', ['key', 'pin', 'change', '--new-pin', '123456'])
  })

  it('erasing', async () => {
    const question = t('ask.reset', { word: 'reset', key: 'Tiger Key' })
    const replug = { pull: t('keys.unplug', { key: 'Tiger Key' }), plug: t('keys.plug_in', { key: 'Tiger Key' }) }
    const [tiger, other] = [await tigerKey(), await finger()]
    usb.plugInClosed('Locked Key')
    usb.plugIn(tiger)
    await transcript('key-reset', ['key', 'reset'], async pty => {
      await answering([question, 'yes'])(pty)
      await pty.waitFor(t('check.confirmation', { word: 'reset' }))
      for (let typed = 0; typed < 3; typed++) pty.press('backspace')
      pty.enter('reset')
      await pty.waitFor(replug.pull)
      usb.pullOut(tiger)
      await pty.waitFor(replug.plug)
      usb.plugIn(tiger)
    })
    await transcript('error-key-reset-other', ['key', 'reset'], async pty => {
      await answering([question, 'reset'])(pty)
      await pty.waitFor(replug.pull)
      usb.pullOut(tiger)
      await pty.waitFor(replug.plug)
      usb.plugIn(other)
    })
    usb.pullOut(other)
    usb.plugIn(tiger)
    await transcript('key-reset-cancelled', ['key', 'reset'], async pty => {
      await pty.waitFor(question)
      pty.press('ctrl-c')
    })
    usb.pullOut(tiger)
    usb.plugIn(await oldTally())
    await transcript('error-key-reset-u2f', ['key', 'reset'])
  })

  it('erasing without a person', async () => {
    const late = await usb.key('Late', { resetWindow: true, clock: lateClock() })
    const device = ['--device', late.address]
    await transcript('error-key-reset-late', ['key', 'reset', ...device, '--confirm', 'reset'])
    await transcript('error-key-reset-word', ['key', 'reset', ...device, '--confirm', 'yes'])
  })

  it('the help', async () => {
    for (const args of [['key'], ['key', 'pin'], ['key', 'reset', '--help']]) {
      await transcript(`help-${args.filter(word => word !== '--help').join('-')}`, args)
    }
  })
})
