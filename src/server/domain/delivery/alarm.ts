import type { Clock } from '../../../lib/clock.ts'

/** Wakes whoever waits, at a time or when it is rung. */
export interface Alarm {
  /** Wakes the one who waits. */
  ring(): void
  /** Resolves after `milliseconds` at the latest, sooner when it rings; it may also do so for an earlier time. */
  wait(milliseconds: number): Promise<void>
  /** Lets nobody wait any more. */
  stop(): void
}

/**
 * An alarm for one who waits again and again and is mostly rung: it keeps one timer, and sets it anew only for an
 * earlier time, since to end a timer costs more than to let it run.
 */
export function createAlarm(clock: Clock): Alarm {
  let wake = () => {}
  let isStopped = false
  let timer: { readonly at: number; readonly end: AbortController } | undefined

  function setTimer(milliseconds: number): void {
    timer?.end.abort()
    const own = { at: clock.now() + milliseconds, end: new AbortController() }
    timer = own
    clock.sleep(milliseconds, own.end.signal).then(
      () => {
        if (timer === own) timer = undefined
        wake()
      },
      () => {},
    )
  }

  return {
    ring: () => wake(),
    async wait(milliseconds) {
      if (isStopped) return
      const woken = new Promise<void>(resolve => {
        wake = resolve
      })
      if (!timer || timer.at > clock.now() + milliseconds) setTimer(milliseconds)
      await woken
    },
    stop() {
      isStopped = true
      timer?.end.abort()
      wake()
    },
  }
}
