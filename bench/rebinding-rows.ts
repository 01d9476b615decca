import { hash, randomBytes } from 'node:crypto'
import { systemClock } from '../src/lib/clock.ts'
import { systemRandom } from '../src/lib/random.ts'
import { newTimedId } from '../src/server/domain/secret-keys.ts'

/** Bytes of what hufud writes for a row, so that others write as much. */
export interface Sizes {
  readonly changes: number
  readonly details: number
  readonly message: number
  /** Notices of a row. */
  readonly messages: number
}

const usernameOf = (index: number): string => `bulk${index}`

/** 128 bits that look random, so that an index has them in no order. */
const idOf = (index: number): string => hash('sha256', `account ${index}`, 'base64url').slice(0, 22)

const numbers = 10 ** 8
/** Has no factor in common with `numbers`: no two indexes have one number. */
const stride = 61_803_399

/** Of mobile numbers of the mainland. */
const prefixes = [138, 139, 137, 136, 135]

/** The number of an account after so many rebindings: a mainland mobile number, in no order. */
export const phoneOf = (index: number, round: number): string =>
  `+86${prefixes[round]}${String((index * stride) % numbers).padStart(8, '0')}`

/** The account of an index, as a database has it before the first rebinding. */
export const accountOf = (index: number) => ({
  id: idOf(index),
  username: usernameOf(index),
  phone: phoneOf(index, 0),
})

/** The rows from `first` to `end` that a rebinding writes, with values that mean nothing in the place of hufud's. */
export function bareRows(
  first: number,
  end: number,
  { round, runId, at, sizes }: { round: number; runId: string; at: number; sizes: Sizes },
) {
  const newId = () => newTimedId({ clock: systemClock, random: systemRandom })
  return Array.from({ length: end - first }, (_, offset) => {
    const index = first + offset
    return {
      ...accountOf(index),
      runId,
      number: index + 1,
      at,
      was: phoneOf(index, round - 1),
      phone: phoneOf(index, round),
      changes: 'c'.repeat(sizes.changes),
      details: 'd'.repeat(sizes.details),
      eventId: newId(),
      messages: Array.from({ length: sizes.messages }, () => ({ id: newId(), sealed: randomBytes(sizes.message) })),
    }
  })
}
