import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Language, languages } from '../../src/cli/messages/catalogue.ts'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { Person } from '../support/person.ts'
import { palettes, readQr } from '../support/screen-qr.ts'
import { type Sitting, sitDown, standUp } from '../support/sitting.ts'
import { normalise } from '../support/transcript.ts'

// Read them as somebody who has never seen hufu would; `npx vitest run test/e2e/transcripts.test.ts -u` writes them anew.

const phone = '+8613800138000'
const firstPassword = 'a tiger in two halves'
const newPassword = 'both halves of a tiger'
const newEmail = 'guan@example.net'

type Drive = (sitting: Sitting) => Promise<void>

describe.each(languages)('transcripts in %s', (language: Language) => {
  let server: EphemeralServer
  let person: Person
  beforeAll(async () => {
    server = await startEphemeral()
    person = await Person.enrol(server, { username: 'guan', password: firstPassword, email: 'guan@example.org' })
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })
  afterEach(standUp)

  interface Circumstances {
    readonly drive?: Drive
    readonly env?: Record<string, string>
    readonly who?: Person
    /** Whether the command has to be run once more, having ended in `code`. */
    readonly again?: (code: number) => boolean
  }

  /** Runs a command at a terminal of 80×24 and compares all that was on the screen with the file `name`. */
  async function transcript(
    name: string,
    args: readonly string[],
    { drive, env = {}, who = person, again = () => false }: Circumstances = {},
  ): Promise<void> {
    let sitting: Sitting
    let code: number
    do {
      sitting = await sitDown(who, language, args, { env })
      await drive?.(sitting)
      code = await sitting.exit()
    } while (again(code))
    await expect
      .soft(normalise(`$ hufu ${args.join(' ')}`.trimEnd().concat(`\n${sitting.text()}\n[${code}]\n`)))
      .toMatchFileSnapshot(`transcripts/${language}/${name}.txt`)
  }

  /** Types these lines, each when its question stands. */
  const answering =
    (
      ...answers: (readonly [question: Parameters<Sitting['t']>[0], answer: string | (() => Promise<string>)])[]
    ): Drive =>
    async sitting => {
      for (const [question, answer] of answers) {
        await sitting.asked(sitting.t(question))
        sitting.enter(typeof answer === 'string' ? answer : await answer())
      }
    }
  const byPassword: Drive = async sitting => {
    await sitting.confirmBy('password')
    await sitting.asked(sitting.t('ask.password'))
    sitting.enter(person.password)
  }
  const inTurn =
    (first: Drive, second: Drive): Drive =>
    async sitting => {
      await first(sitting)
      await second(sitting)
    }
  const codeTo = (to: string) => {
    const before = server.outbox.codeCount(to)
    return async () => server.outbox.latestCode(to, await before)
  }
  const scripted = (words: Readonly<Record<string, string>>) => ({ HUFU_PASSWORD: person.password, ...words })

  // One builds on the other, so they are no tests of their own: whoever ran one alone would write it wrong.
  const steps: (readonly [name: string, run: () => Promise<void>])[] = []
  const step = (name: string, run: () => Promise<void>) => void steps.push([name, run])

  for (const [name, args] of [
    ['help', ['--help']],
    ['help-bind', ['bind', '--help']],
    ['help-bind-phone', ['bind', 'phone', '--help']],
    ['help-sessions', ['sessions', '--help']],
    ['error-unknown-command', ['stauts']],
    ['error-secret-in-argv', ['login', 'guan', '--password', 'secret']],
    ['error-not-logged-in', ['status']],
  ] as const)
    step(name, () => transcript(name, args))

  step('error-unreachable', () =>
    transcript('error-unreachable', ['login', 'guan', '--server', 'http://127.0.0.1:1', '--no-input'], {
      env: { HUFU_PASSWORD: 'x' },
    }),
  )

  step('error-server-address', () => transcript('error-server-address', ['login', '--server', 'http://example.org']))

  step('error-no-input', () => transcript('error-no-input', ['login', 'guan', '--no-input']))

  step('login-failure', () =>
    transcript('login-failure', ['login', 'guan'], {
      async drive(sitting) {
        await answering(['ask.login_method', ''], ['ask.password', 'something else'])(sitting)
        await sitting.waitFor(sitting.t('error.login_failed'))
        await sitting.asked(sitting.t('ask.login_method'))
        sitting.press('ctrl-c')
      },
    }),
  )

  step('login', () =>
    transcript('login', ['login'], {
      drive: answering(['ask.username', 'guan'], ['ask.login_method', ''], ['ask.password', firstPassword]),
    }),
  )

  step('status-before', () => transcript('status-before', ['status']))

  step('error-phone', () => transcript('error-phone', ['bind', 'phone', '12345', '--no-input'], { env: scripted({}) }))

  step('error-email', () => transcript('error-email', ['bind', 'email', 'guan@', '--no-input'], { env: scripted({}) }))

  step('error-password', () =>
    transcript('error-password', ['passwd', '--no-input'], { env: { HUFU_PASSWORD: 'wrong', HUFU_NEW_PASSWORD: 'x' } }),
  )

  step('error-weak-password', () =>
    transcript('error-weak-password', ['passwd', '--no-input'], { env: scripted({ HUFU_NEW_PASSWORD: 'password' }) }),
  )

  step('error-short-password', () =>
    transcript('error-short-password', ['passwd', '--no-input'], { env: scripted({ HUFU_NEW_PASSWORD: 'short' }) }),
  )

  step('error-code', () =>
    transcript('error-code', ['bind', 'phone', phone, '--no-input'], { env: scripted({ HUFU_CODE: 'abcdef' }) }),
  )

  step('passwd', async () => {
    await transcript('passwd', ['passwd'], {
      drive: inTurn(byPassword, answering(['ask.new_password', newPassword], ['ask.new_password_again', newPassword])),
    })
    person.password = newPassword
  })

  step('bind-phone', () =>
    transcript('bind-phone', ['bind', 'phone'], {
      drive: inTurn(byPassword, answering(['ask.phone_number', '138 0013 8000'], ['ask.code', codeTo(phone)])),
    }),
  )

  step('bind-email, confirmed by the phone, after a wrong password', () =>
    transcript('bind-email', ['bind', 'email'], {
      async drive(sitting) {
        await answering(['ask.step_up', ''], ['ask.password', 'forgotten'])(sitting)
        await sitting.waitFor(sitting.t('error.password_incorrect'))
        const [stepUpCode, newCode] = [codeTo(phone), codeTo(newEmail)]
        await sitting.confirmBy('phone', 2)
        await answering(['ask.code', stepUpCode], ['ask.email_address', newEmail])(sitting)
        await sitting.waitFor(sitting.t('code.sent', { destination: newEmail }))
        await answering(['ask.code', newCode])(sitting)
      },
    }),
  )

  step('bind-totp', () =>
    transcript('bind-totp', ['bind', 'totp'], {
      drive: inTurn(byPassword, async sitting => {
        await sitting.asked(sitting.t('ask.totp_code'))
        const uri = new URL(readQr(sitting.screenBuffer, palettes.dark) ?? 'none:')
        person.app = new AuthenticatorApp(uri.searchParams.get('secret') ?? '')
        sitting.enter(person.app.code())
      }),
    }),
  )

  step('bind-wechat', () =>
    transcript('bind-wechat', ['bind', 'wechat'], {
      drive: inTurn(byPassword, async sitting => {
        await sitting.waitFor(sitting.t('wechat.scan'))
        expect(await server.scan(readQr(sitting.screenBuffer, palettes.dark) ?? '', `oGuan${'x'.repeat(23)}`)).toBe(200)
      }),
    }),
  )

  step('bind-webauthn', () =>
    transcript('bind-webauthn', ['bind', 'webauthn', '--device', server.securityKey], {
      drive: inTurn(byPassword, answering(['ask.key_name', 'Tiger'])),
    }),
  )

  step('login-second-factor', () =>
    transcript('login-second-factor', ['login', 'guan'], {
      drive: answering(
        ['ask.login_method', ''],
        ['ask.password', newPassword],
        ['ask.second_factor', ''],
        ['ask.totp_code', async () => person.app?.code() ?? ''],
      ),
    }),
  )

  step('recovery-codes', () => transcript('recovery-codes', ['recovery-codes'], { drive: byPassword }))

  step('status-after', () => transcript('status-after', ['status']))

  step('sessions', () => transcript('sessions', ['sessions']))

  step('sessions-revoke', () => transcript('sessions-revoke', ['sessions', 'revoke', '--others']))

  step('unbind-wechat', () => transcript('unbind-wechat', ['unbind', 'wechat'], { drive: byPassword }))

  step('error-not-bound', () => transcript('error-not-bound', ['unbind', 'wechat'], { drive: byPassword }))

  step('log', () => transcript('log', ['log', '--limit', '12']))

  step('menu', () =>
    transcript('menu', [], {
      async drive(sitting) {
        await sitting.asked(sitting.t('menu.choose'))
        for (let step = 0; step < 11; step++) sitting.press('down')
        await sitting.waitFor(`❯ ${sitting.t('menu.quit')}`)
        sitting.press('enter')
      },
    }),
  )

  step('cancelled', () =>
    transcript('cancelled', ['passwd'], {
      async drive(sitting) {
        await sitting.asked(sitting.t('ask.step_up'))
        sitting.press('ctrl-c')
      },
    }),
  )

  step('logout', () => transcript('logout', ['logout']))

  step('throttled', async () => {
    const hasty = await Person.enrol(server, { username: 'hasty' })
    const env = { HUFU_PASSWORD: 'guess' }
    let guesses = 0
    // Waits begin after five failures. They grow, so that the slowest machine meets one: it guesses until then.
    const again = (code: number) => code !== 6 && ++guesses < 20
    await transcript('throttled', ['login', 'hasty', '--no-input'], { env, who: hasty, again })
  })

  step('demo', () => transcript('demo', ['demo', '--no-input']))

  it('follow one account through its life', async () => {
    for (const [name, run] of steps) {
      await run().catch(error => {
        throw new Error(`${name}: ${error.message}`, { cause: error })
      })
    }
  }, 180_000)
})
