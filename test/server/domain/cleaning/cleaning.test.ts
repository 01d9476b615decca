import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Clock } from '../../../../src/lib/clock.ts'
import { systemRandom } from '../../../../src/lib/random.ts'
import { keepClean, rowsPerStep, sweep } from '../../../../src/server/domain/cleaning/cleaning.ts'
import { removedBefore } from '../../../../src/server/domain/cleaning/retention.ts'
import { removedKinds } from '../../../../src/server/domain/ports/removed-kinds.ts'
import type { Store } from '../../../../src/server/domain/ports/store.ts'
import { countAttempt, guessesForgottenAfter, throttlePolicies } from '../../../../src/server/domain/throttle.ts'
import type { ThrottlesTable } from '../../../../src/server/store/schema.ts'
import { testDatabase } from '../../../support/database.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { SteppedClock } from '../../../support/stepped-clock.ts'
import { openStoreAt } from '../../../support/store-at.ts'

const minute = 60_000
const day = 24 * 60 * minute
let folder: string
let store: Store
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-sweep-'))
  store = await openStoreAt(await testDatabase(folder))
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What a store removes, told step by step. */
function watched(steps: { kind: string; removed: number }[]): Store {
  return {
    ...store,
    transaction: body =>
      store.transaction(queries =>
        body({
          ...queries,
          cleaning: {
            async remove(kind, before, limit) {
              const removed = await queries.cleaning.remove(kind, before, limit)
              steps.push({ kind, removed })
              return removed
            },
          },
        }),
      ),
  }
}

const parts = (clock: Clock, over = store) => {
  const counted: Record<string, number> = {}
  return {
    store: over,
    clock,
    random: systemRandom,
    log: { info() {}, warn: (facts: object) => expect.unreachable(JSON.stringify(facts)) },
    keepEventsFor: undefined,
    counters: {
      count: (_name: string, labels: object, by = 1) => {
        const key = Object.values(labels).join()
        counted[key] = (counted[key] ?? 0) + by
      },
    },
    counted,
  }
}

const going = () => new AbortController().signal

async function addPushes(count: number, now: number): Promise<void> {
  for (let number = 0; number < count; number += 500) {
    await store.transaction(async queries => {
      for (let key = number; key < Math.min(count, number + 500); key += 1) {
        await queries.settings.rememberPush(`push ${key}`, now)
      }
    })
  }
}

describe('a sweep', () => {
  test('removes a few rows at a time, and lets others in between', async () => {
    const clock = manualClock()
    await addPushes(2_350, clock.now() - 2 * day)
    const steps: { kind: string; removed: number }[] = []
    let served = 0
    const yielding: Clock = {
      now: clock.now,
      async sleep() {
        // Somebody's change, which begins after this step and ends before the next one.
        await store.transaction(queries => queries.settings.write('of a person', new Uint8Array(1), 1))
        served += 1
      },
    }
    const cleaning = parts(yielding, watched(steps))
    await sweep(cleaning, Number.POSITIVE_INFINITY, going())
    const ofPushes = steps.filter(({ kind }) => kind === 'pushes').map(({ removed }) => removed)
    expect(ofPushes).toEqual([...new Array(23).fill(rowsPerStep), 50])
    // Events are not even looked at.
    expect(served).toBe(steps.length + 1)
    expect(cleaning.counted).toEqual({ pushes: 2_350 })
    // The others are looked at once: nothing of them was left.
    expect(steps).toHaveLength(ofPushes.length + removedKinds.length - 2)
  })

  test('ends when its time is over, and the next one goes on', async () => {
    const clock = manualClock()
    await addPushes(1_000, clock.now() - 2 * day)
    const passing: Clock = {
      now: clock.now,
      async sleep(milliseconds) {
        clock.advance(milliseconds)
      },
    }
    const cleaning = parts(passing)
    const rounds: number[] = []
    while ((cleaning.counted.pushes ?? 0) < 1_000) {
      await sweep(cleaning, clock.now() + 400, going())
      rounds.push(cleaning.counted.pushes ?? 0)
      expect(rounds.at(-1)).toBeGreaterThan(rounds.at(-2) ?? 0)
    }
    expect(rounds.length).toBeGreaterThan(1)
  })

  test('events stay unless it is said for how long', async () => {
    expect(removedBefore('events', 1e12, undefined)).toBeUndefined()
    expect(removedBefore('events', 1e12, 90 * day)).toBe(1e12 - 90 * day)
  })
})

test('of several processes one is at it at a time, and another goes on when it ends', async () => {
  const clock = new SteppedClock()
  const second = 1_000
  const notes: { readonly at: number; readonly who: number }[] = []
  const processes = Array.from({ length: 3 }, (_, who) => {
    const stopping = new AbortController()
    const noting: Store = {
      ...store,
      transaction: body =>
        store.transaction(queries =>
          body({
            ...queries,
            cleaning: {
              remove(kind, before, limit) {
                notes.push({ at: clock.now(), who })
                return queries.cleaning.remove(kind, before, limit)
              },
            },
          }),
        ),
    }
    return { stop: () => stopping.abort(), ended: keepClean(parts(clock, noting), stopping.signal) }
  })
  const pass = async (minutes: number) => {
    for (let seconds = 0; seconds < minutes * 60; seconds += 1) {
      clock.advance(second)
      await delay(3)
    }
  }
  await pass(5)
  const first = notes.length
  expect(first).toBeGreaterThan(removedKinds.length)
  for (const [index, note] of notes.entries()) {
    const next = notes[index + 1]
    // A turn is a minute, and has seconds of work in it here.
    if (next && next.who !== note.who) expect(next.at - note.at).toBeGreaterThan(20 * second)
  }
  const last = notes.at(-1)?.who ?? 0
  processes[last]?.stop()
  await processes[last]?.ended
  await pass(3)
  const later = notes.slice(first)
  expect(later.length).toBeGreaterThan(0)
  expect(later.map(({ who }) => who)).not.toContain(last)
  for (const { stop } of processes) stop()
  await Promise.all(processes.map(({ ended }) => ended))
})

test('whoever waits until guesses are forgotten has no more of them than whoever goes on', () => {
  /** How many guesses are let through in `days`, where `waitsAfter` of them are followed by the longest wait. */
  function guesses(days: number, waitsAfter: number): number {
    let now = 0
    let made = 0
    let sinceWait = 0
    let state: ThrottlesTable | undefined
    while (now < days * day) {
      const outcome = countAttempt(throttlePolicies.guess, state, 'k', now)
      if ('blockedUntil' in outcome) {
        now = outcome.blockedUntil
        continue
      }
      state = outcome.next
      made += 1
      sinceWait += 1
      if (sinceWait < waitsAfter) continue
      now += guessesForgottenAfter + 1
      state = undefined
      sinceWait = 0
    }
    return made
  }
  const patient = guesses(3_000, Number.POSITIVE_INFINITY)
  for (const waitsAfter of [5, 50, 99, 100, 101, 150]) {
    expect(guesses(3_000, waitsAfter)).toBeLessThanOrEqual(patient + 100)
  }
})
