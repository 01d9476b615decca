import { unforeseen } from '../ports/log.ts'
import type { MessageSender } from '../ports/messages.ts'
import type { Lane } from '../ports/store.ts'
import { newId } from '../secret-keys.ts'
import { createAlarm } from './alarm.ts'
import { attempt, type DeliveryContext, lease } from './attempt.ts'

/**
 * How many messages of a lane are under way at once, at most: more than a provider has connections, so that the next
 * is there when one is free.
 */
export const laneWidths: Readonly<Record<Lane['kind'], number>> = { code: 64, notice: 16 }

/** How long a lane waits, at most, before it looks for messages that other processes have left. */
const idleInterval = 5_000

/** Sends the messages of one lane, in this process. */
export interface RunningLane {
  /** Tells that there may be something to send. */
  wake(): void
  /** Resolves once it has stopped claiming and nothing is under way. */
  readonly ended: Promise<void>
}

/**
 * Claims what is due, as much as there is room for, and sends it. While the channel is off, messages wait where they
 * are, and those whose time passes are given up.
 * @param leave ends claiming
 * @param stop aborts what is under way
 */
export function runLane(
  context: DeliveryContext,
  lane: Lane,
  sender: MessageSender,
  { leave, stop }: { leave: AbortSignal; stop: AbortSignal },
): RunningLane {
  const { store, clock, random, log } = context
  const underWay = new Set<Promise<void>>()
  const alarm = createAlarm(clock)
  let isWoken = false
  const wake = () => {
    isWoken = true
    alarm.ring()
  }

  /** @returns how many there were */
  async function sendClaimed(which: 'claimDue' | 'claimExpired', room: number): Promise<number> {
    const now = clock.now()
    const claim = { claimId: newId(random), now, leaseUntil: now + lease, limit: room }
    const rows = await store.transaction(queries => queries.outbox[which](lane, claim))
    for (const row of rows) {
      const attempted = attempt(context, row, sender, stop).then(outcome => {
        const wasFull = underWay.size >= laneWidths[lane.kind]
        underWay.delete(attempted)
        // There is room again, or a time to wake at that was not known before.
        if (wasFull || outcome?.state === 'queued') wake()
      })
      underWay.add(attempted)
    }
    return rows.length
  }

  /** @returns when there is something to do again, where that is known */
  async function sendDue(): Promise<number | undefined> {
    while (!leave.aborted) {
      const room = laneWidths[lane.kind] - underWay.size
      if (room === 0) return undefined
      const isOff = sender.reach(null) === 'off'
      // A claim of nothing would still be a write; the look before it is a read.
      const next = await (isOff ? store.read.outbox.nextExpiryAt(lane) : store.read.outbox.nextDueAt(lane))
      if (next === undefined || next > clock.now()) return next
      const claimed = await sendClaimed(isOff ? 'claimExpired' : 'claimDue', room)
      // What others have claimed is the first to expire until they have given it up.
      if (isOff && claimed === 0) return undefined
    }
    return undefined
  }

  async function run(): Promise<void> {
    while (!leave.aborted) {
      isWoken = false
      const due = await sendDue().catch(error => {
        log.warn({ ...lane, ...unforeseen(error) }, 'the outbox could not be read')
        return undefined
      })
      if (isWoken) continue
      await alarm.wait(Math.max(1, Math.min(idleInterval, (due ?? Number.POSITIVE_INFINITY) - clock.now())))
    }
    await Promise.all(underWay)
  }

  leave.addEventListener('abort', alarm.stop, { once: true })
  return { wake, ended: run() }
}
