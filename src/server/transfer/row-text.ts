import { bufferFromBase64url, toBase64url } from '../../lib/base64url.ts'
import type { Cell, Row, TransferColumn, TransferTable } from '../domain/ports/transfer.ts'
import { TransferError } from './transfer-error.ts'

/** How a row is written, one line of JSON with a line feed at its end: exactly one text for each row. */
export interface RowText {
  write(row: Row): string
  /**
   * The row of the members of a line, as they were parsed.
   * @throws {TransferError} what is wrong with them, without a value
   */
  read(members: Readonly<Record<string, unknown>>): Row
}

/** Numbers that JSON's readers keep exactly; others are texts. */
const writeBigint = (value: bigint): string => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? String(number) : `"${value}"`
}

const lowest = -(2n ** 63n)
const highest = 2n ** 63n - 1n

function readBigint(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  if (typeof value !== 'string' || !/^-?[1-9]\d{15,18}$/.test(value)) return undefined
  const number = BigInt(value)
  return number < lowest || number > highest ? undefined : number
}

function readBytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  try {
    return bufferFromBase64url(value)
  } catch {
    return undefined
  }
}

const expected = { text: 'a text', bigint: 'a whole number', bytea: 'bytes in base64url' } as const

function readCell({ name, kind, isNullable }: TransferColumn, value: unknown): Cell {
  if (value === null) {
    if (isNullable) return null
    throw new TransferError(`column ${name} may not be null`)
  }
  const cell =
    kind === 'bigint'
      ? readBigint(value)
      : kind === 'bytea'
        ? readBytes(value)
        : typeof value === 'string'
          ? value
          : undefined
  if (cell === undefined) throw new TransferError(`column ${name} must hold ${expected[kind]}`)
  return cell
}

const writeCell = (cell: Cell): string => {
  if (typeof cell === 'string') return JSON.stringify(cell)
  if (typeof cell === 'bigint') return writeBigint(cell)
  return cell === null ? 'null' : `"${toBase64url(cell)}"`
}

/** How rows of `table` are written. */
export function rowText({ name, columns }: TransferTable): RowText {
  const prefixes = columns.map((column, index) => `${index === 0 ? '' : ','}"${column.name}":`)
  const head = `{"table":"${name}","row":{`
  const names = new Set(columns.map(column => column.name))
  return {
    write(row) {
      let text = head
      for (const [index, prefix] of prefixes.entries()) text += prefix + writeCell(row[index] ?? null)
      return `${text}}}\n`
    },
    read(members) {
      const unknown = Object.keys(members).find(member => !names.has(member))
      if (unknown !== undefined) throw new TransferError(`table ${name} has no column "${unknown}"`)
      return columns.map(column => {
        const value = Object.hasOwn(members, column.name) ? members[column.name] : undefined
        if (value === undefined) throw new TransferError(`column ${column.name} is missing`)
        return readCell(column, value)
      })
    },
  }
}

const compareCells = (a: Cell, b: Cell): number => {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : Number(a > b)
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))
}

/** Compares rows of a table by the order in which they are written: negative, 0 or positive. */
export function rowOrder({ key, columns, parent }: TransferTable): (a: Row, b: Row) => number {
  const indexOf = (name: string) => columns.findIndex(column => column.name === name)
  const keys = key.map(indexOf)
  const parentIndex = parent === undefined ? -1 : indexOf(parent)
  const isChild = (row: Row) => Number(parentIndex >= 0 && (row[parentIndex] ?? null) !== null)
  return (a, b) => {
    let order = isChild(a) - isChild(b)
    for (const index of keys) {
      if (order !== 0) return order
      order = compareCells(a[index] ?? null, b[index] ?? null)
    }
    return order
  }
}
