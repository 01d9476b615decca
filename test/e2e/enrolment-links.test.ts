import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { languages } from '../../src/cli/messages/catalogue.ts'
import type { EnrolmentPurpose } from '../../src/contract/schemas.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { type SecurityKeySimulator, startSecurityKey } from '../../src/simulators/security-key/index.ts'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { type ConfiguredHufud, type Inbox, openInbox, startConfiguredHufud } from '../support/configured-hufud.ts'
import { linkFor } from '../support/enrolment-link.ts'
import { freshHome, type HufuOptions, hufu, type RunningHufu, startHufu } from '../support/hufu.ts'
import { Person } from '../support/person.ts'
import { palettes, readQr } from '../support/screen-qr.ts'
import { sitDown, standUp } from '../support/sitting.ts'
import { normalise } from '../support/transcript.ts'

let inbox: Inbox
let hufud: ConfiguredHufud
let key: SecurityKeySimulator
beforeAll(async () => {
  inbox = await openInbox()
  hufud = await startConfiguredHufud({ sections: () => [], outbox: inbox })
  key = await startSecurityKey({ clock: systemClock, random: systemRandom })
})
afterAll(async () => {
  await key?.close()
  await hufud?.close()
  await inbox?.close()
})
afterEach(standUp)

/** The person's file with a link for them. */
async function linkFile(person: Person, purpose: 'password' | EnrolmentPurpose): Promise<string> {
  const secret = await linkFor(hufud.services, person.username, purpose)
  return person.file(`link-${purpose}`, `${hufud.url}/enrol#${secret}\n`)
}

/** A machine on which nobody has logged in, and nothing is set. */
const elsewhere = (options: HufuOptions = {}) => ({ home: freshHome(), ...options })

async function showApp(running: RunningHufu): Promise<AuthenticatorApp> {
  const { secret } = await running.seen('qr')
  return new AuthenticatorApp(String(secret))
}

/** Binds an app by the link in `file`, on a machine that knows no server. */
async function bindApp(person: Person, file: string) {
  const args = ['bind', 'totp', '--link-file', file, '--code-command', person.commandAwaiting('app-code')]
  const running = startHufu(args, elsewhere())
  const app = await showApp(running)
  person.file('app-code', app.code())
  return { app, run: await running.finished }
}

const statusOf = async (person: Person) => {
  const { items } = await person.status()
  return items.map(item => ({ ...item, last_used_at: null }))
}

describe('an app', () => {
  it('is bound by a link on a machine that knows neither server nor login, and asked for from then on', async () => {
    const person = await Person.enrol(hufud)
    const file = await linkFile(person, 'totp')
    const { app, run } = await bindApp(person, file)
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.sequence).toEqual(['enrolment', 'qr', 'result'])
    expect(run.events[0]).toMatchObject({ item: 'totp', username: person.username, server: hufud.url })
    expect(run.last).toMatchObject({ ok: true, item: 'totp', value: null, replaced: false, username: person.username })
    expect(run.stdout + run.stderr).not.toContain(readFileSync(file, 'utf8').trim().slice(-43))
    const again = await hufu(['bind', 'totp', '--link-file', file], elsewhere())
    expect([again.exitCode, again.last.code]).toEqual([4, 'link_invalid'])
    const login = await person.hufu(['login', person.username, '--verify', 'password', '--verify', 'totp'], {
      env: { HUFU_CODE: app.code() },
    })
    expect(login.exitCode, login.stderr).toBe(0)
    expect((await person.logged('totp.bind')).map(({ method }) => method)).toEqual(['link'])
  })

  it('replaces the one before, which works until then', async () => {
    const person = await Person.loggedIn(hufud)
    const before = await person.bindApp()
    const { run } = await bindApp(person, await linkFile(person, 'totp'))
    expect(run.last).toMatchObject({ ok: true, replaced: true })
    const old = await person.hufu(['passwd', '--verify', 'totp'], { env: { HUFU_CODE: before.code() } })
    expect([old.exitCode, old.last.code]).toEqual([4, 'totp_incorrect'])
  })

  it('Ctrl-C in the middle binds nothing and leaves the link good', async () => {
    const person = await Person.loggedIn(hufud)
    const file = await linkFile(person, 'totp')
    const before = await statusOf(person)
    const running = person.start(['bind', 'totp', '--link-file', file, '--code-command', 'sleep 60 2>/dev/null'])
    await running.seen('qr')
    running.kill('SIGINT')
    const run = await running.finished
    expect([run.exitCode, run.last.code], run.stderr).toEqual([130, 'cancelled'])
    expect(await statusOf(person)).toEqual(before)
    expect((await bindApp(person, file)).run.exitCode).toBe(0)
  })

  it('of two who have opened one link, only the later one goes on; the other is told why', async () => {
    const person = await Person.loggedIn(hufud)
    const file = await linkFile(person, 'totp')
    const first = startHufu(
      ['bind', 'totp', '--link-file', file, '--code-command', person.commandAwaiting('first')],
      elsewhere(),
    )
    const app = await showApp(first)
    const { run } = await bindApp(person, file)
    expect(run.exitCode, run.stderr).toBe(0)
    person.file('first', app.code())
    const late = await first.finished
    expect([late.exitCode, late.last.code], late.stderr).toEqual([8, 'enrolment_ended'])
  })
})

describe('a security key', () => {
  const device = () => ['--device', key.address]

  it('is bound by a link, under a name, and logs in', async () => {
    const person = await Person.enrol(hufud)
    const file = await linkFile(person, 'webauthn')
    const run = await hufu(['bind', 'webauthn', '--link-file', file, '--name', 'Tiger', ...device()], elsewhere())
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.sequence.filter(event => event !== 'touch')).toEqual(['enrolment', 'result'])
    expect(run.last).toMatchObject({ ok: true, item: 'webauthn', value: 'Tiger', username: person.username })
    const login = await person.hufu([
      'login',
      person.username,
      ...['--verify', 'password', '--verify', 'webauthn'],
      ...device(),
    ])
    expect(login.exitCode, login.stderr).toBe(0)
    const twice = await hufu(['bind', 'webauthn', '--link-file', file, ...device()], elsewhere())
    expect([twice.exitCode, twice.last.code]).toEqual([4, 'link_invalid'])
  })

  it('Ctrl-C while the key blinks leaves the link good', async () => {
    const person = await Person.enrol(hufud)
    const file = await linkFile(person, 'webauthn')
    const still = await startSecurityKey({ clock: systemClock, random: systemRandom, touch: 'never' })
    try {
      const running = startHufu(['bind', 'webauthn', '--link-file', file, '--device', still.address], elsewhere())
      await running.seen('touch')
      running.kill('SIGINT')
      expect((await running.finished).exitCode).toBe(130)
    } finally {
      await still.close()
    }
    const run = await hufu(['bind', 'webauthn', '--link-file', file, ...device()], elsewhere())
    expect(run.exitCode, run.stderr).toBe(0)
  })
})

describe('the stored login', () => {
  it('is neither used nor touched, whatever becomes of the link', async () => {
    const owner = await Person.enrol(hufud)
    const person = await Person.loggedIn(hufud)
    const stored = () => readFileSync(join(person.home, 'config', 'hufu', 'logins.json'), 'utf8')
    const before = stored()
    const file = await linkFile(owner, 'totp')
    const first = person.start(['bind', 'totp', '--link-file', file, '--code-command', person.commandAwaiting('own')])
    const app = await showApp(first)
    await bindApp(person, file)
    person.file('own', app.code())
    expect((await first.finished).last.code).toBe('enrolment_ended')
    expect(stored()).toBe(before)
    expect((await person.status()).username).toBe(person.username)
  })

  it('shows the owner what a link has opened', async () => {
    const person = await Person.loggedIn(hufud)
    const running = startHufu(
      ['bind', 'totp', '--link-file', await linkFile(person, 'totp'), '--code-command', 'sleep 60 2>/dev/null'],
      elsewhere(),
    )
    await running.seen('qr')
    const { last } = await person.hufu(['sessions'])
    const sessions = last.sessions as { enrolment: string | null }[]
    expect(sessions.map(({ enrolment }) => enrolment).sort()).toEqual([null, 'totp'].sort())
    running.kill('SIGINT')
    await running.finished
  })
})

describe('which server', () => {
  const secret = 'S'.repeat(43)
  const bind = (file: string, args: readonly string[] = [], options: HufuOptions = {}) =>
    hufu(['bind', 'totp', '--link-file', file, ...args], elsewhere(options))

  it.each([
    ['--server', ['--server', 'https://accounts.example.net'], {}],
    ['HUFU_SERVER', [], { HUFU_SERVER: 'https://accounts.example.net' }],
  ] as const)('a link for another one than %s names is refused before anything is sent', async (_name, args, env) => {
    const person = await Person.enrol(hufud)
    const file = await linkFile(person, 'totp')
    const run = await bind(file, args, { env })
    expect([run.exitCode, run.last.code]).toEqual([2, 'link_other_server'])
    expect(run.stderr).toContain(hufud.url)
    const first = await hufu(['passwd', '--link-file', file, ...args], elsewhere({ env }))
    expect([first.exitCode, first.last.code]).toEqual([2, 'link_other_server'])
    expect((await bindApp(person, file)).run.exitCode).toBe(0)
  })

  it('a link leads nobody to another server than that of their login, unless they name it', async () => {
    const person = await Person.loggedIn(hufud)
    const file = person.file('foreign', `https://accounts.example.net/enrol#${secret}\n`)
    const run = await bind(file, [], { home: person.home })
    expect([run.exitCode, run.last.code]).toEqual([2, 'link_other_server'])
    expect(run.last.next).toContain('--server https://accounts.example.net')
  })

  it('the secret alone is for the server that is named, and on stdin as good as in a file', async () => {
    const person = await Person.enrol(hufud)
    const alone = await linkFor(hufud.services, person.username, 'webauthn')
    const without = await bind('-', [], { input: `${alone}\n` })
    expect([without.exitCode, without.last.code]).toEqual([2, 'server_not_set'])
    const named = ['--server', hufud.url, '--device', key.address]
    const run = await hufu(['bind', 'webauthn', '--link-file', '-', ...named], elsewhere({ input: `${alone}\n` }))
    expect(run.exitCode, run.stderr).toBe(0)
  })

  it.each([
    ['no link', 'something else', 'input_malformed'],
    ['an empty file', '', 'input_malformed'],
    ['a link that is cut short', `https://accounts.example.net/enrol#${secret.slice(1)}`, 'input_malformed'],
    [
      'one whose server stands behind an @',
      `https://accounts.example.net@evil.example/enrol#${secret}`,
      'input_malformed',
    ],
    ['plain http to another machine', `http://accounts.example.net/enrol#${secret}`, 'server_insecure'],
  ])('%s is refused', async (_what, text, code) => {
    const person = await Person.enrol(hufud)
    const run = await bind(person.file('odd', `${text}\n`))
    expect([run.exitCode, run.last.code]).toEqual([2, code])
  })
})

describe('is refused, and says so', () => {
  it('for something else, in both ways', async () => {
    const person = await Person.enrol(hufud)
    const totp = await linkFile(person, 'totp')
    const outcomes = []
    for (const args of [
      ['bind', 'webauthn', '--link-file', totp],
      ['passwd', '--link-file', totp],
      ['bind', 'totp', '--link-file', await linkFile(person, 'password')],
    ]) {
      const run = await hufu(args, elsewhere({ env: { HUFU_NEW_PASSWORD: 'a new long password' } }))
      outcomes.push([run.exitCode, run.last.code])
    }
    expect(outcomes).toEqual([1, 2, 3].map(() => [4, 'link_other_purpose']))
  })
})

describe.each(languages)('on the screen, in %s', language => {
  async function transcript(
    name: string,
    args: readonly string[],
    person: Person,
    drive: (sitting: Awaited<ReturnType<typeof sitDown>>) => Promise<void> = async () => {},
  ) {
    const sitting = await sitDown(person, language, args)
    await drive(sitting)
    const code = await sitting.exit()
    await expect
      .soft(normalise(`$ hufu ${args.join(' ')}\n${sitting.text()}\n[${code}]\n`))
      .toMatchFileSnapshot(`transcripts/${language}/${name}.txt`)
  }

  it('reads as it should', async () => {
    const person = await Person.enrol(hufud, { username: language === 'en' ? 'mary' : 'mali' })
    await linkFile(person, 'totp')
    await linkFile(person, 'webauthn')
    const args = (item: string, file: string) => ['bind', item, '--link-file', file]
    await transcript('bind-totp-link', args('totp', 'link-totp'), person, async sitting => {
      await sitting.asked(sitting.t('ask.totp_code'))
      const uri = new URL(readQr(sitting.screenBuffer, palettes.dark) ?? 'none:')
      sitting.enter(new AuthenticatorApp(uri.searchParams.get('secret') ?? '').code())
    })
    await transcript('error-link-used', args('totp', 'link-totp'), person)
    await transcript('error-link-other-purpose', args('totp', 'link-webauthn'), person)
    await transcript(
      'bind-webauthn-link',
      [...args('webauthn', 'link-webauthn'), '--device', key.address],
      person,
      async sitting => {
        await sitting.asked(sitting.t('ask.key_name'))
        sitting.enter('Tiger')
      },
    )
    person.file('link-other', `https://accounts.example.net/enrol#${'S'.repeat(43)}\n`)
    await transcript('error-link-other-server', args('totp', 'link-other'), person)
  })
})
