import type { CustomTypesConfig } from 'pg'

/** A count, or milliseconds. @throws {RangeError} for one that a number can't hold exactly */
function safeInteger(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new RangeError('the database holds a number beyond 2^53')
  return number
}

/** `\x…`, the `hex` form of bytea_output. @throws {RangeError} for any other */
function bytes(text: string): Uint8Array {
  if (!text.startsWith('\\x')) throw new RangeError('bytea_output must be hex')
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
}

const isTrue = (text: string): boolean => text === 't'

/** PostgreSQL's types that the schema and its queries have, by the numbers of pg_type. */
const parsers: Readonly<Record<number, (text: string) => unknown>> = {
  16: isTrue,
  17: bytes,
  20: safeInteger,
  21: safeInteger,
  23: safeInteger,
  // Sums of bigint.
  1700: safeInteger,
}

const asText = (text: string): string => text

/** How values are read, for one pool: pg's own parsers are shared by the whole process. */
export const types = {
  getTypeParser: (oid: number) => parsers[oid] ?? asText,
} as unknown as CustomTypesConfig
