import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Keyboard, type Keys } from '../../src/cli/terminal/keyboard.ts'

/** Reads keys as a prompt does: until Enter, or Ctrl-C. */
function readLine(keys: Keys): Promise<string> {
  return new Promise(resolve => {
    let line = ''
    keys.stream.on('data', (chunk: Buffer) => {
      line += chunk.toString()
      if (!/[\r\u0003]/.test(line)) return
      keys.close()
      resolve(line)
    })
  })
}

function keyboard() {
  const stdin = new PassThrough()
  return { stdin, keyboard: new Keyboard(stdin as unknown as NodeJS.ReadStream) }
}

describe('the keyboard', () => {
  it('keeps what is typed ahead for the prompt that it is for', async () => {
    const { stdin, keyboard: keys } = keyboard()
    stdin.write('alice\rsecret\r123456\r')
    expect(await readLine(keys.open())).toBe('alice\r')
    await delay(20)
    expect(await readLine(keys.open())).toBe('secret\r')
    expect(await readLine(keys.open())).toBe('123456\r')
  })

  it('keeps what is typed between two prompts', async () => {
    const { stdin, keyboard: keys } = keyboard()
    stdin.write('one\rtw')
    expect(await readLine(keys.open())).toBe('one\r')
    stdin.write('o\r')
    expect(await readLine(keys.open())).toBe('two\r')
  })

  it('gives the next line to a prompt that wants another', async () => {
    const { stdin, keyboard: keys } = keyboard()
    stdin.write('wrong\rright\r')
    const { stream, close } = keys.open()
    let seen = ''
    stream.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    while (!seen.endsWith('right\r')) await delay(5)
    close()
    expect(seen).toBe('wrong\rright\r')
  })

  it('lets Ctrl-C through before anything that waits', async () => {
    const { stdin, keyboard: keys } = keyboard()
    stdin.write('alice\rsecret\r\u0003')
    expect(await readLine(keys.open())).toBe('\u0003')
  })
})
