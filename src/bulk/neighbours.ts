import type { Random } from '../lib/random.ts'
import type { ReadRow } from './read-rows.ts'
import { emailKey, phoneKey, type Row, type RowFault, type RowFaultCode, usernameKey } from './row.ts'
import { SeenValues } from './seen.ts'

const setsPhone = 1
const setsEmail = 2

/** A row's number, and which of the two unique items it sets, in one number. */
const packed = (number: number, row: Row): number =>
  number * 4 + (row.phone === undefined ? 0 : setsPhone) + (row.email === undefined ? 0 : setsEmail)
const numberOf = (known: number): number => Math.floor(known / 4)

/** What the rows of a file have to do with each other. Keeps digests, never values. */
export class Neighbours {
  private readonly seen: SeenValues

  constructor(random: Random) {
    this.seen = new SeenValues(random)
  }

  /**
   * Whether an earlier row has the account, the number or the address of this one. Every row is to be shown in the order
   * of the file; to show them all again changes nothing.
   */
  judge({ number, row }: Pick<ReadRow, 'number' | 'row'>): RowFault | undefined {
    if (!row) return undefined
    const value = packed(number, row)
    const account = row.username === undefined ? `i:${row.account_id}` : `u:${usernameKey(row.username)}`
    return (
      this.repeated('row_account_repeated', account, value) ??
      (row.phone === undefined ? undefined : this.repeated('row_phone_repeated', `p:${phoneKey(row.phone)}`, value)) ??
      (row.email === undefined ? undefined : this.repeated('row_email_repeated', `e:${emailKey(row.email)}`, value))
    )
  }

  /** The same for a row that named its account by id, as soon as the server has told whose it is. */
  judgeAccount({ number, row }: Pick<ReadRow, 'number' | 'row'>, username: string | null): RowFault | undefined {
    if (!row || username === null || row.account_id === undefined) return undefined
    return this.repeated('row_account_repeated', `u:${usernameKey(username)}`, packed(number, row))
  }

  /** The number of the row that gives an account this item anew; 0 where none does. */
  rowThatSets(item: 'phone' | 'email', username: string): number {
    const known = this.seen.get(`u:${usernameKey(username)}`)
    const flag = item === 'phone' ? setsPhone : setsEmail
    return (known & flag) === 0 ? 0 : numberOf(known)
  }

  private repeated(code: RowFaultCode, key: string, value: number): RowFault | undefined {
    const known = this.seen.add(key, value)
    const other = numberOf(known)
    return known === 0 || other === numberOf(value) ? undefined : { code, values: { other } }
  }
}
