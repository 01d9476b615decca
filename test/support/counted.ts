import type { Counted, Counters } from '../../src/server/domain/ports/counters.ts'

/** Counters that can be looked at. */
export function countedHere(): Counters & {
  times<Name extends keyof Counted>(name: Name, labels: Counted[Name]): number
} {
  const counts = new Map<string, number>()
  const key = (name: string, labels: object) => JSON.stringify([name, Object.entries(labels).sort()])
  return {
    count: (name, labels) => void counts.set(key(name, labels), (counts.get(key(name, labels)) ?? 0) + 1),
    times: (name, labels) => counts.get(key(name, labels)) ?? 0,
  }
}
