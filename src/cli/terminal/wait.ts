import type { Waiting } from '../context.ts'

/** A spinner with words. ora is loaded when the wait lasts; it leaves the keyboard alone, or it would eat keystrokes. */
export function showWait(text: string, stream: NodeJS.WriteStream): Waiting {
  let words = text
  let stopped = false
  let spinner: { text: string; stop(): unknown } | undefined
  void import('ora').then(({ default: ora }) => {
    if (!stopped) spinner = ora({ text: words, stream, discardStdin: false, hideCursor: false }).start()
  })
  return {
    update(next) {
      words = next
      if (spinner) spinner.text = next
    },
    stop() {
      stopped = true
      spinner?.stop()
    },
  }
}
