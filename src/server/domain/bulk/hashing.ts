import type { Domain } from '../domain.ts'
import { Refusal } from '../refusal.ts'
import type { Wish } from './wishes.ts'

/** So few at a time, that logins find a place between them. */
const atOnce = 2
const pause = 100
/** How often a full queue is tried again. */
const mostAttempts = 50

/** Hashes the passwords of a batch's rows, each once, however often its rows are planned. */
export interface BatchHashing {
  /** Makes the hashes of these wishes ready. @throws {Refusal} `busy` when logins take all there is */
  prepare(wishes: readonly Wish[]): Promise<void>
  /** The hash of a wish that was prepared. */
  of(wish: Wish): string
}

export function hashBatch({ hashing, clock }: Pick<Domain, 'hashing' | 'clock'>): BatchHashing {
  const hashes = new Map<number, string>()

  async function hashWhenFree(password: string): Promise<string> {
    for (let tried = 1; ; tried++) {
      try {
        return await hashing.hash(password)
      } catch (error) {
        if (!(error instanceof Refusal) || error.code !== 'busy' || tried >= mostAttempts) throw error
        await clock.sleep(pause)
      }
    }
  }

  return {
    async prepare(wishes) {
      const waiting = wishes.filter(wish => wish.password !== undefined && !hashes.has(wish.row))
      const hashNext = async (): Promise<void> => {
        for (let wish = waiting.pop(); wish?.password !== undefined; wish = waiting.pop()) {
          hashes.set(wish.row, await hashWhenFree(wish.password))
        }
      }
      await Promise.all(Array.from({ length: atOnce }, hashNext))
    },
    of: wish => hashes.get(wish.row) ?? '',
  }
}
