import { PassThrough } from 'node:stream'

const interrupt = '\u0003'
const endOfLine = /[\r\n]/
/** How long a prompt may take to close after Enter before it is taken to want another line. */
const lineSettles = 50

/** What a prompt reads from, and `close` when it is answered. */
export interface Keys {
  readonly stream: NodeJS.ReadableStream
  close(): void
}

/**
 * The keyboard, read for one prompt at a time. Whatever is typed before a prompt stands is kept for it: prompts that
 * read stdin themselves throw such keystrokes away, and with them what a person (or a pasting one) typed ahead. A
 * prompt gets its keys up to Enter; what follows is for the next one.
 */
export class Keyboard {
  private readonly stdin: NodeJS.ReadStream
  private waiting = ''

  constructor(stdin: NodeJS.ReadStream) {
    this.stdin = stdin
  }

  /** The keys of one prompt. */
  open(): Keys {
    const { stdin } = this
    const stream = Object.assign(new PassThrough(), {
      setRawMode: (raw: boolean) => {
        if (stdin.isTTY) stdin.setRawMode(raw)
        return stream
      },
    })
    let timer: NodeJS.Timeout | undefined
    const release = () => {
      timer = undefined
      if (this.waiting.includes(interrupt)) {
        this.waiting = ''
        stream.write(interrupt)
        return
      }
      const end = this.waiting.search(endOfLine)
      const length = end < 0 ? this.waiting.length : end + 1
      const keys = this.waiting.slice(0, length)
      this.waiting = this.waiting.slice(length)
      if (keys) stream.write(keys)
      if (this.waiting) timer = setTimeout(release, lineSettles)
    }
    const onData = (chunk: Buffer | string) => {
      this.waiting += chunk.toString()
      if (!timer || this.waiting.includes(interrupt)) release()
    }
    // The prompt listens to its stream from its next turn on.
    timer = setTimeout(release, 0)
    const onEnd = () => stream.end()
    stdin.on('data', onData)
    stdin.on('end', onEnd)
    stdin.resume()
    return {
      stream,
      close: () => {
        clearTimeout(timer)
        stdin.removeListener('data', onData)
        stdin.removeListener('end', onEnd)
        stdin.pause()
      },
    }
  }
}
