import { rebindFileColumns } from '../contract/rebind.ts'
import { nearest } from '../lib/nearest.ts'
import { printable } from '../lib/printable.ts'
import { BulkError } from './error.ts'

export type InputColumn = (typeof rebindFileColumns)[number]

/** What a file of results has beside them, so that it can be fed back. Only `status` counts then. */
export const resultColumns = [
  'row',
  'line',
  'status',
  'code',
  'message',
  'account',
  'changes',
  'totp_link',
  'totp_command',
  'webauthn_link',
  'webauthn_command',
  'link_expires_at',
] as const
export type ResultColumn = (typeof resultColumns)[number]

/** A member of NDJSON results that holds what CSV has columns for. */
const resultMembers: readonly string[] = [...resultColumns, 'links']

/** What a cell of a row is, by its place; `undefined` where it is read over. */
export type Layout = readonly (InputColumn | 'status' | undefined)[]

/** The layout of NDJSON, whose members have names of their own. */
export const ndjsonLayout: Layout = [...rebindFileColumns, 'status']

export const isInputColumn = (name: string): name is InputColumn => rebindFileColumns.some(column => column === name)

/** Whether a member of NDJSON is one that results have, and rows do not. */
export const isResultMember = (name: string): boolean => resultMembers.includes(name)

const longestShown = 40
const shown = (name: string): string => printable(name).slice(0, longestShown)

/** The column that was probably meant. */
export const suggestion = (name: string): string => nearest(name.trim(), rebindFileColumns) ?? ''

/**
 * What the columns of a header are; case and blanks around names do not count.
 * @throws {BulkError} `bulk_column_unknown`, `bulk_column_twice`, `bulk_column_missing`, `bulk_delimiter`
 */
export function layoutOf(header: readonly string[]): Layout {
  const names = header.map(name => name.trim().toLowerCase())
  const [only = ''] = names
  if (names.length === 1 && /[;\t|]/.test(header[0] ?? '')) throw new BulkError('bulk_delimiter')
  for (const [index, name] of names.entries()) {
    const column = index + 1
    if (!isInputColumn(name) && !resultColumns.some(each => each === name)) {
      const meant = suggestion(name)
      throw new BulkError('bulk_column_unknown', { name: shown(header[index] ?? ''), column, meant })
    }
    if (names.indexOf(name) !== index) throw new BulkError('bulk_column_twice', { name: shown(name), column })
  }
  const identifies = names.includes('username') || names.includes('account_id')
  const says = names.some(name => isInputColumn(name) && name !== 'username' && name !== 'account_id')
  if (!identifies || !says) throw new BulkError('bulk_column_missing', { name: shown(only) })
  return names.map(name => (isInputColumn(name) || name === 'status' ? name : undefined))
}
