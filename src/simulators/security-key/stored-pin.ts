// CTAP 2.1 section 6.5.2.2: the PIN, and how often it may be guessed.

import { createHash } from 'node:crypto'
import { equalBytes } from '../../lib/bytes.ts'
import { StatusError, status } from './status.ts'

const maxRetries = 8
/** So many wrong PINs in a row, and the key has to be plugged in again. */
const mismatchesUntilPowerCycle = 3
const hashLength = 16

/** LEFT(SHA-256(PIN), 16). */
export const pinHash = (pin: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(pin).digest()).subarray(0, hashLength)

export class StoredPin {
  private hash: Uint8Array | undefined
  private left = maxRetries
  private mismatches = 0

  constructor(hash: Uint8Array | undefined) {
    this.hash = hash
  }

  get isSet(): boolean {
    return this.hash !== undefined
  }

  get retries(): number {
    return this.left
  }

  get needsPowerCycle(): boolean {
    return this.mismatches >= mismatchesUntilPowerCycle
  }

  powerUp(): void {
    this.mismatches = 0
  }

  /** Sets it, or takes it away. */
  set(hash: Uint8Array | undefined): void {
    this.hash = hash
    this.left = maxRetries
    this.mismatches = 0
  }

  /** @throws {StatusError} where no PIN may be tried. */
  refuseBlocked(): void {
    if (!this.hash) throw new StatusError(status.pinNotSet)
    if (this.left === 0) throw new StatusError(status.pinBlocked)
    if (this.needsPowerCycle) throw new StatusError(status.pinAuthBlocked)
  }

  isSame(hash: Uint8Array | undefined): boolean {
    return this.hash !== undefined && hash !== undefined && equalBytes(hash, this.hash)
  }

  /** Takes a try, and gives all back for the right PIN. @throws {StatusError} for a wrong one, after `onMismatch`. */
  verify(hash: Uint8Array | undefined, onMismatch: () => void): void {
    this.left--
    if (!this.isSame(hash)) {
      this.mismatches++
      onMismatch()
      if (this.left === 0) throw new StatusError(status.pinBlocked)
      throw new StatusError(this.needsPowerCycle ? status.pinAuthBlocked : status.pinInvalid)
    }
    this.left = maxRetries
    this.mismatches = 0
  }
}
