import { Terminal } from '@xterm/headless'
import { describe, expect, it } from 'vitest'
import { showWait } from '../../src/cli/terminal/wait.ts'

/** A screen of 20 columns, as a stream. */
function smallScreen() {
  const screen = new Terminal({ cols: 20, rows: 6, allowProposedApi: true, convertEol: true })
  let written = ''
  const stream = Object.assign(Object.create(process.stderr), {
    columns: 20,
    isTTY: true,
    write(text: string) {
      written += text
      screen.write(text)
      return true
    },
  })
  const lines = async () => {
    await new Promise<void>(resolve => screen.write('', resolve))
    const { active } = screen.buffer
    return Array.from({ length: 6 }, (_, row) => active.getLine(row)?.translateToString(true) ?? '').join('|')
  }
  return { stream, lines, written: () => written }
}

describe('a wait', () => {
  it('is on the screen at once, before what draws it is loaded', () => {
    const { stream, written } = smallScreen()
    const waiting = showWait('touch it', stream)
    expect(written()).toBe('  touch it')
    waiting.stop()
  })

  it('leaves nothing behind, however many lines it took', async () => {
    const { stream, lines } = smallScreen()
    stream.write('before\n')
    const waiting = showWait('a wait that takes more lines than one or two', stream)
    expect(await lines()).toBe('before|  a wait that takes |more lines than one |or two||')
    waiting.stop()
    expect(await lines()).toBe('before|||||')
  })
})
