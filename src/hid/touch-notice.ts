import type { Clock } from '../lib/clock.ts'
import { keepalive } from './ctaphid/constants.ts'

/** Some keys say "processing" even while they wait for a touch: after this many milliseconds it is taken for that. */
const touchAssumedAfter = 500

/** A listener to KEEPALIVE that calls `notify` once, when the key says or seems to wait for a touch. */
export function touchNotice(clock: Clock, notify: () => void): (status: number) => void {
  const begun = clock.now()
  let notified = false
  return status => {
    const waits = status === keepalive.userPresenceNeeded || clock.now() - begun >= touchAssumedAfter
    if (notified || !waits) return
    notified = true
    notify()
  }
}
