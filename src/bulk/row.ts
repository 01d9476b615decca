import { type RebindRow, rebindFileColumns } from '../contract/rebind.ts'
import type { InputColumn, Layout } from './columns.ts'
import type { BulkValues } from './error.ts'

/** What is wrong with a row by itself, or beside the other rows of its file. */
export const rowFaultCodes = [
  'row_too_long',
  'row_not_utf8',
  'row_malformed',
  'row_cells',
  'row_control_character',
  'row_column_unknown',
  'row_account_missing',
  'row_account_twice',
  'row_password_twice',
  'row_says_nothing',
  'row_value',
  'row_account_repeated',
  'row_phone_repeated',
  'row_email_repeated',
] as const
export type RowFaultCode = (typeof rowFaultCodes)[number]

export interface RowFault {
  readonly code: RowFaultCode
  readonly values: BulkValues
}

export type Row = Omit<RebindRow, 'row'>

/** What a row says, or why it cannot be taken. */
export type Interpreted = { readonly row: Row; readonly fault?: undefined } | { readonly fault: RowFault }

const fault = (code: RowFaultCode, values: BulkValues = {}): Interpreted => ({ fault: { code, values } })

const control = /[\u0000-\u001f\u007f-\u009f]/
/** What nobody sees, and what turns text around, comes along when a number is copied from elsewhere. */
const invisible = /[\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

/** Whether a text of many rows may have a character that no cell takes; line breaks are not looked at. */
export const mayHaveControl = (text: string): boolean =>
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/.test(text)

const isSecret = (column: InputColumn): boolean => column === 'password' || column === 'password_hash'

const truths: Readonly<Record<string, boolean>> = { true: true, yes: true, 1: true, false: false, no: false, 0: false }

/** Longest values, in UTF-16 code units, as the contract has them. */
const longest: Readonly<Partial<Record<InputColumn, number>>> = {
  username: 64,
  phone: 64,
  email: 320,
  password: 1024,
  password_hash: 512,
}

/** Forms that a value must have; the server says the rest. */
const forms: Readonly<Partial<Record<InputColumn, RegExp>>> = {
  account_id: /^[A-Za-z0-9_-]{22}$/,
  phone: /\p{Nd}/u,
  email: /^[^@]+@[^@]+$|^".*@[^@]+$/,
  password_hash: /^\$argon2id\$v=19\$[^$]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/,
  totp: /^(?:unbind|enrol)$/,
  wechat: /^unbind$/,
  webauthn: /^(?:unbind|link)$/,
  disabled: /^(?:true|false|yes|no|1|0)$/,
}

const isKeyword = (column: InputColumn): boolean =>
  column === 'totp' || column === 'wechat' || column === 'webauthn' || column === 'disabled'

/** Puts one cell into a row; says what is wrong with it. */
function take(row: Row, column: InputColumn, cell: string): RowFault | undefined {
  // A password may begin or end with a blank; nothing else does.
  const value = column === 'password' ? cell : isKeyword(column) ? cell.trim().toLowerCase() : cell.trim()
  if (value === '') return undefined
  const most = longest[column]
  const form = forms[column]
  if ((most !== undefined && value.length > most) || (form && !form.test(value))) {
    return { code: 'row_value', values: { column } }
  }
  if (column === 'disabled') row.disabled = truths[value] === true
  else Object.assign(row, { [column]: value })
  return undefined
}

/**
 * What the cells of a row say. An empty cell says nothing.
 * @param clean that no cell has a control character, which was looked for in many rows at once
 */
export function interpret(layout: Layout, cells: readonly string[], clean: boolean): Interpreted {
  if (cells.length !== layout.length) return fault('row_cells', { cells: cells.length, columns: layout.length })
  const row: Row = {}
  for (let index = 0; index < layout.length; index++) {
    const column = layout[index]
    const cell = cells[index]
    if (column === undefined || column === 'status' || cell === undefined || cell === '') continue
    if (!clean && (control.test(cell) || (!isSecret(column) && invisible.test(cell)))) {
      return fault('row_control_character', { column })
    }
    const wrong = take(row, column, cell)
    if (wrong) return { fault: wrong }
  }
  return judge(row)
}

function judge(row: Row): Interpreted {
  if (row.username === undefined && row.account_id === undefined) return fault('row_account_missing')
  if (row.username !== undefined && row.account_id !== undefined) return fault('row_account_twice')
  if (row.password !== undefined && row.password_hash !== undefined) return fault('row_password_twice')
  for (const column of rebindFileColumns) {
    if (column !== 'username' && column !== 'account_id' && row[column] !== undefined) return { row }
  }
  return fault('row_says_nothing')
}

/** Compatibility-composed (NFKC) and case-folded: the server compares user names so. */
export const usernameKey = (username: string): string => username.normalize('NFKC').toLowerCase()

/** As the server compares addresses: case-folded. */
export const emailKey = (email: string): string => email.normalize('NFC').toLowerCase()

/**
 * One text for the ways to write a number: digits after the international prefix, a bare mainland number with its own.
 * The server knows more of numbers; what this tells apart and the server does not is refused when it is applied.
 */
export function phoneKey(phone: string): string {
  if (/^\+\d+$/.test(phone)) return phone.slice(1)
  const plain = phone.normalize('NFKC').replace(/[^\d+]/g, '')
  const digits = plain.replace(/\D/g, '')
  if (plain.startsWith('+')) return digits
  if (digits.startsWith('00')) return digits.slice(2)
  return /^1\d{10}$/.test(digits) ? `86${digits}` : digits
}
