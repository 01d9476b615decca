import type { Waiting } from '../context.ts'
import { widthOf } from './text-width.ts'

// ECMA-48: EL and CUU.
const clearLine = '\u001b[2K'
const lineUp = '\u001b[1A'

/**
 * A spinner with words. The words are on the screen when this returns; ora is loaded when the wait lasts. It leaves the
 * keyboard alone, or it would eat keystrokes.
 */
export function showWait(text: string, stream: NodeJS.WriteStream): Waiting {
  let words = text
  let stopped = false
  let spinner: { text: string; stop(): unknown } | undefined
  const still = `  ${text}`
  let isStill = true
  stream.write(still)
  const removeStill = () => {
    if (!isStill) return
    isStill = false
    const rows = Math.ceil(widthOf(still) / (stream.columns || 80))
    stream.write(`\r${clearLine}${`${lineUp}${clearLine}`.repeat(rows - 1)}`)
  }
  void import('ora').then(({ default: ora }) => {
    if (stopped) return
    removeStill()
    spinner = ora({ text: words, stream, discardStdin: false, hideCursor: false }).start()
  })
  return {
    update(next) {
      words = next
      if (spinner) spinner.text = next
    },
    stop() {
      stopped = true
      removeStill()
      spinner?.stop()
    },
  }
}
