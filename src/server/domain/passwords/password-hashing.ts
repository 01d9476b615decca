import { hash, verify } from 'argon2'
import { Refusal } from '../refusal.ts'

/** Argon2id at OWASP's setting: 19 MiB, two passes, one lane. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** A hash of nothing anybody knows, verified for accounts that do not exist, so that they answer in the same time. */
const decoyHash = '$argon2id$v=19$m=19456,t=2,p=1$y2Bj3NmJ+6NvlDRhWhdV+g$Z3HDaPbbDPdVMXjcYgjbv7z7Alf/2Z3q9mfJH+KVtI4'

export interface PasswordHashing {
  /** PHC string of a password. @throws {Refusal} `busy` when the queue is full. */
  hash(password: string): Promise<string>
  /**
   * Whether the password matches; with no hash, false after as long a time.
   * @throws {Refusal} `busy` when the queue is full.
   */
  verify: VerifyPassword
  /** Runs `work` in a slot of its own, with a `verify` that takes no other. @throws {Refusal} `busy`. */
  inTurn<T>(work: (verify: VerifyPassword) => Promise<T>): Promise<T>
}

export type VerifyPassword = (passwordHash: string | null, password: string) => Promise<boolean>

/**
 * Hashing that leaves the process able to answer. Each hash fills one thread of libuv's pool, so at most `concurrency`
 * run at once, `queueLength` wait, and the next is refused at once rather than made to time out.
 */
export function createPasswordHashing({
  concurrency,
  queueLength,
}: {
  concurrency: number
  queueLength: number
}): PasswordHashing {
  let running = 0
  const waiting: (() => void)[] = []

  const withSlot = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running < concurrency) running += 1
    else if (waiting.length >= queueLength) throw new Refusal('busy', { retry_after: 2 })
    else await new Promise<void>(resolve => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }

  const verifyNow: VerifyPassword = async (passwordHash, password) => {
    const matches = await verify(passwordHash ?? decoyHash, password.normalize('NFC'))
    return passwordHash !== null && matches
  }

  return {
    hash: password => withSlot(() => hash(password.normalize('NFC'), parameters)),
    verify: (passwordHash, password) => withSlot(() => verifyNow(passwordHash, password)),
    inTurn: work => withSlot(() => work(verifyNow)),
  }
}
