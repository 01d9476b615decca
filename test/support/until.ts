import { setTimeout as delay } from 'node:timers/promises'

const pause = 40
const usualPatience = 15_000

/** Looks again and again until `look` finds something. @throws {Error} naming `what` when it never came */
export async function until<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  patience = usualPatience,
): Promise<T> {
  const deadline = Date.now() + patience
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`never came: ${what}`)
    await delay(pause)
  }
}
