// CTAP 2.1 section 6.5.3.1: built-in user verification, here by a fingerprint.

import { StatusError, status } from './status.ts'
import { type AskForTouch, touched } from './touch.ts'

/** What the reader finds on the finger that touches it. */
export type Finger = 'match' | 'mismatch'

/** Section 6.5.2.3. */
const maxUvRetries = 5
const maxUvAttemptsForInternalRetries = 3

export class FingerprintReader {
  finger: Finger = 'match'
  /** Whether a finger is enrolled. */
  isConfigured: boolean
  /** Whether the key has a reader at all. */
  readonly isPresent: boolean
  private left = maxUvRetries

  constructor(isPresent: boolean) {
    this.isPresent = isPresent
    this.isConfigured = isPresent
  }

  get retries(): number {
    return this.left
  }

  /** A right PIN or a right finger gives all tries back. */
  restoreRetries(): void {
    this.left = maxUvRetries
  }

  /** What a reset leaves: no finger enrolled. */
  reset(): void {
    this.isConfigured = false
    this.restoreRetries()
  }

  /**
   * `performBuiltInUv`: waits for a finger on the reader, which is a touch as well, and resolves to whether it is the
   * right one.
   * @throws {StatusError} when nobody touches, or the client cancels.
   */
  async verify(hasInternalRetry: boolean, ask: AskForTouch): Promise<boolean> {
    const attempts = hasInternalRetry ? maxUvAttemptsForInternalRetries : 1
    for (let attempt = 0; attempt < attempts && this.left > 0; attempt++) {
      try {
        await touched(ask, status.userActionTimeout)
      } catch (error) {
        if (error instanceof StatusError && error.status === status.denied) return false
        throw error
      }
      this.left--
      if (this.finger === 'match') {
        this.restoreRetries()
        return true
      }
    }
    return false
  }
}
