import { beforeAll, describe, expect, it } from 'vitest'
import { commands } from '../../src/cli/command-table.ts'
import { loadCatalogue, type Translate } from '../../src/cli/messages/catalogue.ts'
import { parseArguments } from '../../src/cli/program.ts'
import { UsageError } from '../../src/cli/usage.ts'

let t: Translate
beforeAll(async () => {
  t = await loadCatalogue('en')
})

function parse(line: string) {
  const invocation = parseArguments(line === '' ? [] : line.split(' '), t, '1.2.3')
  if (invocation.kind === 'text') return { text: invocation.text }
  const { spec, given, globals } = invocation
  return { command: spec.path, arguments: given.arguments, options: given.options, globals }
}

describe('a command line', () => {
  it.each([
    ['', '', {}, {}, {}],
    ['--json', '', {}, {}, { json: true }],
    ['login', 'login', {}, {}, {}],
    ['login alice --server https://a.example', 'login', { username: 'alice' }, {}, { server: 'https://a.example' }],
    ['logout --all', 'logout', {}, { all: true }, {}],
    ['--json status', 'status', {}, {}, { json: true }],
    ['status --json', 'status', {}, {}, { json: true }],
    ['--no-input status', 'status', {}, {}, { input: false }],
    ['status --no-input', 'status', {}, {}, { input: false }],
    ['bind phone +8613800138000 --verify totp', 'bind phone', { number: '+8613800138000' }, {}, { verify: ['totp'] }],
    ['bind --verify email phone', 'bind phone', {}, {}, { verify: ['email'] }],
    ['login --verify password --verify totp', 'login', {}, {}, { verify: ['password', 'totp'] }],
    ['--timeout 5 status --timeout 7.5', 'status', {}, {}, { timeout: 7.5 }],
    [
      'bind webauthn --name Tiger --device udp:localhost:8111',
      'bind webauthn',
      {},
      { name: 'Tiger' },
      { device: 'udp:localhost:8111' },
    ],
    ['unbind webauthn Tiger', 'unbind webauthn', { id: 'Tiger' }, {}, {}],
    ['unbind totp -q', 'unbind totp', {}, {}, { quiet: true }],
    ['sessions', 'sessions list', {}, {}, {}],
    ['sessions revoke --others', 'sessions revoke', {}, { others: true }, {}],
    ['sessions revoke abc', 'sessions revoke', { id: 'abc' }, {}, {}],
    ['log --limit 5', 'log', {}, { limit: '5' }, {}],
    ['passwd --link-file -', 'passwd', {}, { linkFile: '-' }, {}],
    ['passwd --password-file a --new-password-file b', 'passwd', {}, {}, { passwordFile: 'a', newPasswordFile: 'b' }],
    [
      'recovery-codes -v --color never --lang zh',
      'recovery-codes',
      {},
      {},
      { verbose: true, color: 'never', lang: 'zh' },
    ],
    ['demo', 'demo', {}, {}, {}],
    ['key list', 'key list', {}, {}, {}],
    ['key info /dev/hidraw0', 'key info', { key: '/dev/hidraw0' }, {}, {}],
    ['key pin set', 'key pin set', {}, {}, {}],
    [
      '--json key --device udp:[::1]:8111 pin change --new-pin-file a -q',
      'key pin change',
      {},
      {},
      { json: true, device: 'udp:[::1]:8111', newPinFile: 'a', quiet: true },
    ],
    ['key reset --confirm reset', 'key reset', {}, { confirm: 'reset' }, {}],
    ['doctor', 'doctor', {}, {}, {}],
  ])('%j', (line, command, args, options, globals) => {
    const parsed = parse(line)
    expect(parsed).toMatchObject({ command, options, globals })
    expect(JSON.parse(JSON.stringify(parsed.arguments))).toEqual(args)
    expect(parsed.globals).toEqual(globals)
  })

  it.each([
    ['foo', 'There is no command foo.'],
    ['stauts', 'There is no command stauts. Did you mean status?'],
    ['bind fax', 'There is no command fax.'],
    ['status --pasword x', 'There is no option --pasword.'],
    ['login --password hunter2', '--password does not exist'],
    ['login --pin=1234', '--pin does not exist'],
    ['status --token hufu_x', '--token does not exist'],
    ['status extra', 'There is an argument too many.'],
    ['log --limit', 'needs a value'],
    ['--verify fingerprint status', '--verify takes password or email or'],
    ['status --timeout 0', '--timeout takes a number of seconds above 0.'],
    ['status --lang fr', '--lang takes en or zh-CN.'],
    ['status --color red', '--color takes auto or always or never.'],
  ])('refuses %j in words', (line, words) => {
    expect(() => parse(line)).toThrow(UsageError)
    expect(() => parse(line)).toThrow(words)
  })

  it('never repeats a secret that was put on it', () => {
    expect(() => parse('login --password=hunter2')).not.toThrow('hunter2')
  })

  it.each(['--version', '-V'])('tells the version by %s', option => expect(parse(option)).toEqual({ text: '1.2.3\n' }))

  it('has help for every command, with the options that all take', () => {
    const { text = '' } = parse('--help')
    for (const { path } of commands) {
      expect(text).toContain(path.split(' ')[0])
      const own = parse(`${path} --help`).text ?? ''
      expect(own).toContain(`hufu ${path}`)
      expect(own).toContain('--password-file')
      expect(own.split('\n').every(line => line.length <= 80)).toBe(true)
    }
    expect(parse('bind').text).toContain('webauthn')
  })
})
