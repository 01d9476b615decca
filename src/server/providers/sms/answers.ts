import type { HttpAnswer } from './http.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** What a text says in JSON; `undefined` when it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser quotes what it could not read.
    return undefined
  }
}

/** The JSON object that an answer consists of; `undefined` when it is none. */
export const jsonObjectOf = ({ text }: HttpAnswer): JsonObject | undefined => objectOf(jsonOf(text))

/** `value`, when it is an object and no array. */
export const objectOf = (value: unknown): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined

/** `value`, when it has the shape of a provider's error code, so that it may stand in a log; no number and no code has. */
export const codeWordOf = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[A-Za-z][A-Za-z0-9._-]{0,79}$/.test(value) ? value : undefined

/** `value`, when it has the shape of the ids that providers give messages, which come back in receipts. */
export const messageIdOf = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[\w^:.-]{1,128}$/.test(value) ? value : undefined

const day = 24 * 60 * 60_000
const chinaOffset = 8 * 60 * 60_000

/** Milliseconds from `now` to the next midnight in China (UTC+8 all the year), when limits per day begin anew. */
export const untilMidnightInChina = (now: number): number => day - ((now + chinaOffset) % day)
