import { Refusal } from './refusal.ts'

/** A place in a list that is ordered by time, and by id within a millisecond. */
export interface Place {
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly id: string
}

/** The `next` of a page that ends at this place. */
export const pageCursor = ({ at, id }: Place): string => `${at}-${id}`

/** @throws {Refusal} `invalid_request` for anything but the `next` of a page. */
export function readCursor(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined
  const [, at, id] = /^(\d{1,16})-([\w-]{22})$/.exec(cursor) ?? []
  if (at === undefined || id === undefined) throw new Refusal('invalid_request')
  return { at: Number(at), id }
}
