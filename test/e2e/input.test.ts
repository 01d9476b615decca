import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { hufu } from '../support/hufu.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'

let server: EphemeralServer
let person: Person
beforeAll(async () => {
  server = await startEphemeral()
  person = await Person.loggedIn(server, { email: freshAddress() })
  await person.makeRecoveryCodes()
})
afterAll(() => server.stop())

const passwordOptions = ['--password-file', 'HUFU_PASSWORD']
const codeOptions = ['--code-file', 'HUFU_CODE', '--code-command']

describe('what is missing is named, with what supplies it', () => {
  it.each([
    [['login'], {}, ['USERNAME']],
    [['login', 'alice'], { HUFU_PASSWORD: '' }, ['--verify']],
    [['login', 'alice', '--verify', 'password'], { HUFU_PASSWORD: '' }, passwordOptions],
    [['login', 'alice', '--verify', 'email'], {}, codeOptions],
    [['passwd'], { HUFU_PASSWORD: '' }, ['--verify']],
    [['passwd', '--verify', 'password'], { HUFU_PASSWORD: '' }, passwordOptions],
    [['passwd'], {}, ['--new-password-file', 'HUFU_NEW_PASSWORD']],
    [['passwd', '--verify', 'email'], {}, codeOptions],
    [['passwd', '--verify', 'recovery'], {}, ['--code-file', 'HUFU_CODE']],
    [['bind', 'phone'], {}, ['NUMBER']],
    [['bind', 'email'], {}, ['ADDRESS']],
    [['bind', 'phone', '+8613900139000'], {}, codeOptions],
    [['bind', 'totp'], {}, codeOptions],
    [['sessions', 'revoke'], {}, ['ID', '--others']],
  ])('%j', async (args, env: Record<string, string>, options) => {
    const run = await person.hufu(args, { env })
    expect([run.exitCode, run.last.code, run.last.options], run.stderr).toEqual([2, 'input_required', options])
    for (const option of options) expect(run.stderr).toContain(option)
  })

  it('the server', async () => {
    const run = await hufu(['status'])
    expect([run.exitCode, run.last.code]).toEqual([2, 'server_not_set'])
    expect(run.stderr).toContain('--server')
  })
})

describe('a secret', () => {
  it.each(['--password', '--new-password', '--code', '--pin', '--secret', '--recovery-code'])(
    'has no option %s, and is not repeated when it is given so',
    async option => {
      for (const args of [[option, 'hunter2hunter2'], [`${option}=hunter2hunter2`]]) {
        const run = await person.hufu(['passwd', ...args])
        expect([run.exitCode, run.last.code]).toEqual([2, 'usage_invalid'])
        expect(run.stdout + run.stderr).not.toContain('hunter2hunter2')
      }
    },
  )

  it('comes from stdin, line by line', async () => {
    const next = 'a tally in two halves'
    const run = await person.hufu(['passwd', '--password-file', '-', '--new-password-file', '-'], {
      env: { HUFU_PASSWORD: '' },
      input: `${person.password}\n${next}\n`,
    })
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.stdout + run.stderr).not.toContain(next)
    person.password = next
  })

  it('comes from a file, and two codes from two lines of it', async () => {
    const number = freshNumber()
    const [first, second] = person.recoveryCodes.splice(0, 2)
    const file = person.file('codes', `${first}\n${second}\n`)
    const wrong = await person.hufu(['bind', 'phone', number, '--verify', 'recovery', '--code-file', file])
    // The first line confirmed who it is; the second was taken for the code that went to the number.
    expect([wrong.exitCode, wrong.sequence]).toEqual([2, ['step_up', 'code_sent', 'error']])
    const right = person.file('first', `${person.recoveryCodes.shift()}\n`)
    const { args, env } = await person.answering('recovery', { bindTo: number })
    const run = await person.hufu(['bind', 'phone', number, ...args, '--code-file', right], {
      env: { ...env, HUFU_CODE: '' },
    })
    expect(run.exitCode, run.stderr).toBe(0)
  })

  it('is in no word that is said, with -v neither', async () => {
    const wrong = 'a wrong password of mine'
    const next = 'x'
    for (const args of [
      ['passwd', '-v'],
      ['passwd', '-v', '--lang', 'zh-CN'],
    ]) {
      for (const password of [wrong, person.password]) {
        const env = { HUFU_PASSWORD: password, HUFU_NEW_PASSWORD: `${next}${password}`.repeat(20) }
        const run = await person.hufu(args, { env })
        expect(run.last.event).toBe('error')
        expect(run.stdout + run.stderr).not.toContain(password)
      }
    }
    const args = ['passwd', '--verify', 'email', '-v']
    const run = await person.hufu(args, { env: { HUFU_CODE: '918273' } })
    expect(run.last.event).toBe('error')
    expect(run.stdout + run.stderr).not.toContain('918273')
    expect(server.log()).not.toContain(person.password)
    expect(server.log()).not.toContain(wrong)
  })

  it('that cannot be read says which file', async () => {
    const run = await person.hufu(['passwd', '--password-file', person.path('not-there')])
    expect([run.exitCode, run.last.code]).toEqual([2, 'input_unreadable'])
    expect(run.stderr).toContain('not-there')
  })

  it('whose command fails says so', async () => {
    const args = ['passwd', '--verify', 'email', '--code-command']
    const run = await person.hufu([...args, 'exit 3'])
    expect([run.exitCode, run.last.code]).toEqual([2, 'code_command_failed'])
    const slow = await person.hufu([...args, 'sleep 60 2>/dev/null', '--timeout', '1'])
    expect([slow.exitCode, slow.last.code]).toEqual([8, 'code_command_timeout'])
  })
})

it('words that are no command line end in 2', async () => {
  for (const args of [
    ['bnid', 'phone'],
    ['bind', 'fax'],
    ['status', '--no-such-option'],
    ['passwd', '--verify', 'charm'],
    ['status', '--timeout', 'soon'],
    ['log', '--limit', '0'],
    ['log', '--limit', '201'],
  ]) {
    const run = await person.hufu(args)
    expect([args, run.exitCode, run.last.event]).toEqual([args, 2, 'error'])
  }
})
