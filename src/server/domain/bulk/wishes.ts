import type { ProblemCode } from '../../../contract/problems.ts'
import type { RebindRow } from '../../../contract/rebind.ts'
import { parseContact } from '../contacts.ts'
import type { Policy } from '../domain.ts'
import { checkNewPassword } from '../passwords/password-rules.ts'
import { isArgon2idPhc } from '../passwords/phc.ts'
import { Refusal } from '../refusal.ts'
import { usernameKey } from '../usernames.ts'

/** A contact in the form in which it is bound and compared. */
export interface WantedContact {
  readonly value: string
  readonly key: string
}

/** A row that is right by itself. */
export interface Wish {
  readonly row: number
  /** As it was given. */
  readonly username: string | null
  /** One of these two. */
  readonly usernameKey: string | undefined
  readonly accountId: string | undefined
  readonly phone: WantedContact | undefined
  readonly email: WantedContact | undefined
  readonly passwordHash: string | undefined
  /** Not hashed yet. */
  readonly password: string | undefined
  readonly totp: 'unbind' | 'enrol' | undefined
  readonly wechat: 'unbind' | undefined
  readonly webauthn: 'unbind' | 'link' | undefined
  readonly disabled: boolean | undefined
}

/** A row that is refused, whatever the accounts are. */
export interface RefusedRow {
  readonly row: number
  readonly username: string | null
  readonly code: ProblemCode
  readonly owner: string | null
}

export const isWish = (row: Wish | RefusedRow): row is Wish => !('code' in row)

type Rules = Pick<Policy, 'defaultRegion' | 'minimumPasswordLength'>

async function wishOf(row: RebindRow, rules: Rules): Promise<Wish> {
  const { username, account_id: accountId, password, password_hash: passwordHash } = row
  if ((username === undefined) === (accountId === undefined)) throw new Refusal('invalid_request')
  if (password !== undefined && passwordHash !== undefined) throw new Refusal('invalid_request')
  if (passwordHash !== undefined && !isArgon2idPhc(passwordHash)) throw new Refusal('password_hash_invalid')
  if (password !== undefined) {
    await checkNewPassword(password, { minimumLength: rules.minimumPasswordLength, secondFactorBound: false })
  }
  return {
    row: row.row,
    username: username ?? null,
    usernameKey: username === undefined ? undefined : usernameKey(username),
    accountId,
    phone: row.phone === undefined ? undefined : parseContact('phone', row.phone, rules),
    email: row.email === undefined ? undefined : parseContact('email', row.email, rules),
    passwordHash,
    password,
    totp: row.totp,
    wechat: row.wechat,
    webauthn: row.webauthn,
    disabled: row.disabled,
  }
}

/** Looks at each row by itself. */
export async function readRows(rows: readonly RebindRow[], rules: Rules): Promise<(Wish | RefusedRow)[]> {
  const read: (Wish | RefusedRow)[] = []
  for (const row of rows) {
    try {
      read.push(await wishOf(row, rules))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      read.push({ row: row.row, username: row.username ?? null, code: error.code, owner: null })
    }
  }
  return read
}
