import { closeSync, openSync, rmSync } from 'node:fs'

const pauseMilliseconds = 10

/** What is done while it is held takes milliseconds: whoever holds it for longer has died with it. */
const mostPauses = 200

const never = new Int32Array(new SharedArrayBuffer(4))

function take(file: string): boolean {
  try {
    closeSync(openSync(file, 'wx', 0o600))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/**
 * Runs `change` while no other process runs one under the same lock.
 * @param file stands for the lock; it is made and removed
 * @throws what `change` throws, and what keeps the lock from being made
 */
export function whileLocked<T>(file: string, change: () => T): T {
  for (let pauses = 0; !take(file); pauses++) {
    if (pauses === mostPauses) rmSync(file, { force: true })
    Atomics.wait(never, 0, 0, pauseMilliseconds)
  }
  try {
    return change()
  } finally {
    rmSync(file, { force: true })
  }
}
