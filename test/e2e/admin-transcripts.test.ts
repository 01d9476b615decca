import { rmSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Language, languages } from '../../src/cli/messages/catalogue.ts'
import { type BootstrappedHufud, startBootstrapped } from '../support/bootstrapped-hufud.ts'
import { Person } from '../support/person.ts'
import { type Sitting, sitDown, standUp } from '../support/sitting.ts'
import { normalise } from '../support/transcript.ts'

// As test/e2e/transcripts.test.ts: read them; `npx vitest run test/e2e/admin-transcripts.test.ts -u` writes them anew.

/** What only admins see differs from run to run, too: secrets of links and tokens. */
const normaliseSecrets = (text: string): string =>
  normalise(text.replace(/(?<=hufu_|enrol#)[\w-]{43}/g, 'S'.repeat(43)).replaceAll('\u00a0', ' '))

describe.each(languages)('transcripts of an admin in %s', (language: Language) => {
  let server: BootstrappedHufud
  let admin: Person
  let nobody: Person
  let owner: Person
  const outside = { HUFU_TOKEN: '' }
  beforeAll(async () => {
    server = await startBootstrapped()
    admin = server.root
    nobody = new Person(admin.server, 'nobody')
    owner = await Person.loggedIn({ ...admin.server, adminToken: server.token }, { username: 'guan' })
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })
  afterEach(standUp)

  /** The admin has a password alone, so that no method is asked for. */
  const byPassword = async (sitting: Sitting) => {
    await sitting.asked(sitting.t('ask.password'))
    sitting.enter(admin.password)
  }

  interface Circumstances {
    readonly drive?: (sitting: Sitting) => Promise<void>
    readonly env?: Record<string, string>
    readonly who?: Person
  }

  /** Runs a command at a terminal of 80×24 and compares all that was on the screen with the file `name`. */
  async function transcript(
    name: string,
    line: string,
    { drive, env = outside, who = admin }: Circumstances = {},
  ): Promise<string> {
    const sitting = await sitDown(who, language, line.split(' '), { env })
    await drive?.(sitting)
    const code = await sitting.exit()
    const text = sitting.text()
    await expect
      .soft(normaliseSecrets(`$ hufu ${line}\n${text}\n[${code}]\n`))
      .toMatchFileSnapshot(`transcripts/${language}/${name}.txt`)
    return text
  }

  it('follow one admin through a day', async () => {
    const token = { HUFU_TOKEN: server.token }
    for (const group of ['admin', 'admin user', 'admin user create', 'admin token create', 'admin audit']) {
      await transcript(`help-${group.replaceAll(' ', '-')}`, `${group} --help`)
    }
    await transcript('error-admin-not-logged-in', 'admin user list', { who: nobody })
    await transcript('error-admin-token-malformed', 'admin user list', { who: nobody, env: { HUFU_TOKEN: 'hufu_x' } })
    await transcript('error-admin-token-wrong', 'admin user list', {
      who: nobody,
      env: { HUFU_TOKEN: `hufu_${'x'.repeat(43)}` },
    })
    await transcript('error-admin-required', 'admin user list', { who: owner })
    await transcript('admin-user-create', 'admin user create bei --email bei@example.org', { drive: byPassword })
    await transcript('error-admin-username-taken', 'admin user create bei', { drive: byPassword })
    await transcript('error-admin-role-by-token', 'admin user create fei --role admin', { env: token })
    const file = '/tmp/bei.link'
    rmSync(file, { force: true })
    await transcript('admin-user-reset-link', `admin user reset-link bei --output ${file}`, { drive: byPassword })
    await transcript('error-admin-output', `admin user reset-link bei --output ${file}`)
    rmSync(file, { force: true })
    await transcript('admin-user-show', 'admin user show bei')
    await transcript('admin-user-disable', 'admin user disable guan', { env: token })
    await transcript('admin-user-disable-again', 'admin user disable guan', { env: token })
    await transcript('error-admin-account-disabled', 'admin user reset-link guan', { env: token })
    await transcript('error-admin-own-account', 'admin user disable root', { drive: byPassword })
    await transcript('error-admin-account-unknown', 'admin user show zhao')
    await transcript('admin-user-list', 'admin user list')
    await transcript('admin-user-enable', 'admin user enable guan', { env: token })
    const made = await transcript('admin-token-create', 'admin token create nightly --scope audit --expires 30d', {
      drive: byPassword,
    })
    const nightly = { HUFU_TOKEN: /hufu_[\w-]{43}/.exec(made)?.[0] ?? '' }
    await transcript('admin-token-create-asked', 'admin token create', {
      async drive(sitting) {
        for (const [question, answer] of [
          ['ask.token_name', 'moving day'],
          ['ask.token_scopes', 'rebind,audit'],
          ['ask.token_lifetime', '12h'],
        ] as const) {
          await sitting.asked(sitting.t(question))
          sitting.enter(answer)
        }
        await byPassword(sitting)
      },
    })
    await transcript('error-admin-scope-missing', 'admin user list', { env: nightly, who: nobody })
    await transcript('error-admin-token-scope', 'admin token create x --scope everything --expires 30d')
    await transcript('error-admin-token-expires', 'admin token create x --scope audit --expires forever')
    await transcript('error-admin-no-input', 'admin token create x --scope audit --no-input')
    await transcript('admin-token-list', 'admin token list')
    await transcript('error-admin-token-unknown', `admin token revoke ${'A'.repeat(22)}`, { drive: byPassword })
    await transcript('admin-audit', 'admin audit --limit 6', { env: nightly, who: nobody })
    await transcript('admin-audit-follow', 'admin audit --follow --limit 3 --timeout 1', { env: nightly, who: nobody })
    await transcript('admin-audit-none', 'admin audit --user guan --action phone.', { env: nightly, who: nobody })
    await transcript('error-admin-audit-since', 'admin audit --since yesterday')
    await transcript('error-admin-audit-conflict', 'admin audit --follow --until 2h')
    const { exitCode } = await owner.hufu(['login', 'guan', '--verify', 'password'])
    expect(exitCode).toBe(0)
    await transcript('log-of-admin', 'log --limit 4', { who: owner })
  }, 120_000)
})
