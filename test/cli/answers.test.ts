import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MessageFailedError } from '../../src/auth/errors.ts'
import { scriptedAnswers, serviceToken } from '../../src/cli/answers.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hufu-answers-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode })
  return path
}

const readable: string[] = []
const answers = (options: Partial<Parameters<typeof scriptedAnswers>[0]> = {}) =>
  scriptedAnswers({
    env: {},
    signal: new AbortController().signal,
    onReadable: path => readable.push(path),
    ...options,
  })
const request = { purpose: 'bind', channel: 'phone', destination: '138****8000' } as const

describe('what a script supplies', () => {
  it('is the file before the variable, and the same whenever it is asked for', async () => {
    const { password } = answers({ passwordFile: file('a', 'from file\n'), env: { HUFU_PASSWORD: 'from variable' } })
    expect([await password(), await password()]).toEqual(['from file', 'from file'])
    expect(await answers({ env: { HUFU_PASSWORD: 'v' } }).password()).toBe('v')
    expect(await answers({ env: { HUFU_PASSWORD: '' } }).password()).toBeUndefined()
    expect(await answers().password()).toBeUndefined()
  })

  it('keeps blanks of a password, and loses only the end of its line', async () => {
    expect(await answers({ passwordFile: file('b', '  two words \r\nrest\n') }).password()).toBe('  two words ')
  })

  it('is code after code: the lines of the file, the variable once, then the command', async () => {
    const codeCommand = 'echo 333333'
    const { code } = answers({
      codeFile: file('c', '111111\n'),
      env: { HUFU_CODE: '222222', PATH: process.env.PATH },
      codeCommand,
    })
    const codes = [await code(request), await code(request), await code(request), await code(request)]
    expect(codes).toEqual(['111111', '222222', '333333', '333333'])
  })

  it('is nothing once a code has been used', async () => {
    const { code } = answers({ env: { HUFU_CODE: '222222' } })
    expect([await code(request), await code(request)]).toEqual(['222222', undefined])
  })

  it('is what the command prints, which is told what the code is for', async () => {
    const codeCommand = 'echo " $HUFU_CODE_PURPOSE/$HUFU_CODE_CHANNEL/$HUFU_CODE_DESTINATION "'
    const { code } = answers({ codeCommand, env: { PATH: process.env.PATH } })
    expect(await code(request)).toBe('bind/phone/138****8000')
  })

  it('is an error that names the command when that fails', async () => {
    const { code } = answers({ codeCommand: 'echo 123456; exit 3', env: { PATH: process.env.PATH } })
    await expect(code(request)).rejects.toMatchObject({
      code: 'code_command_failed',
      values: { command: 'echo 123456; exit 3', status: '3' },
    })
  })

  it('ends the command when the run is broken off', async () => {
    const stop = new AbortController()
    const { code } = answers({ codeCommand: 'exec sleep 60', signal: stop.signal, env: { PATH: process.env.PATH } })
    const waiting = code(request)
    setTimeout(() => stop.abort(), 50)
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('comes with a warning when others can read the file', async () => {
    readable.length = 0
    const open = file('open', 'x\n', 0o644)
    await answers({ passwordFile: open }).password()
    await answers({ passwordFile: file('closed', 'x\n') }).password()
    expect(readable).toEqual([open])
  })

  it('is an error for a file that cannot be read', async () => {
    await expect(answers({ pinFile: join(folder, 'none') }).pin()).rejects.toMatchObject({ code: 'input_unreadable' })
  })
})

describe('a command that is to print a code', () => {
  it('is ended when nobody waits for the code any more', async () => {
    const stopping = new AbortController()
    const { code } = answers({ codeCommand: 'exec sleep 60', env: { PATH: process.env.PATH } })
    const asking = code(request, stopping.signal)
    stopping.abort(new MessageFailedError('phone', 'refused'))
    await expect(asking).rejects.toMatchObject({ code: 'message_failed' })
    await expect(code(request, stopping.signal)).rejects.toMatchObject({ code: 'message_failed' })
  })
})

describe('a service token', () => {
  const token = `hufu_${'Aa0-_'.repeat(8)}xyz`
  const other = `hufu_${'B'.repeat(43)}`
  const read = (path?: string, env: Record<string, string> = {}) =>
    serviceToken(path, env, each => readable.push(each), 'a token')

  it('comes from the file, else from HUFU_TOKEN, else from nowhere', () => {
    expect(read(file('token', `${token}\r\n`), { HUFU_TOKEN: other })).toBe(token)
    expect(read(undefined, { HUFU_TOKEN: ` ${other} ` })).toBe(other)
    expect(read(undefined, { HUFU_TOKEN: '' })).toBeUndefined()
    expect(read()).toBeUndefined()
  })

  it('comes with a warning when others can read its file', () => {
    readable.length = 0
    const open = file('open-token', token, 0o644)
    read(open)
    expect(readable).toEqual([open])
  })

  it.each([
    ['nothing', ''],
    ['an empty line', '\n'],
    ['a password', 'hunter2\n'],
    ['one cut short', token.slice(0, -1)],
    ['one with something behind it', `${token}A`],
    ['one of another prefix', token.replace('hufu', 'hufd')],
    ['one with a blank in it', token.replace('A', ' ')],
  ])('is refused where the file holds %s, and is not repeated', (_, text) => {
    const path = file('no-token', text)
    const error = (() => {
      try {
        return read(path, { HUFU_TOKEN: token })
      } catch (thrown) {
        return thrown
      }
    })()
    expect(error).toMatchObject({ code: 'input_malformed', values: { source: path, expected: 'a token' } })
    expect(() => read(undefined, { HUFU_TOKEN: `${text.trim()}!` })).toThrow(
      expect.objectContaining({ code: 'input_malformed', values: { source: 'HUFU_TOKEN', expected: 'a token' } }),
    )
  })

  it('is an error for a file that cannot be read: nothing else counts in its place', () => {
    expect(() => read(join(folder, 'none'), { HUFU_TOKEN: token })).toThrow(
      expect.objectContaining({ code: 'input_unreadable' }),
    )
    expect(() => read(folder, { HUFU_TOKEN: token })).toThrow(expect.objectContaining({ code: 'input_unreadable' }))
  })
})
