import { ApiError } from '../../src/api/errors.ts'

export interface RaceOutcome<T> {
  /** What the attempts that were accepted gave, with their numbers. */
  readonly won: readonly { readonly index: number; readonly value: T }[]
  /** Why the others were refused. */
  readonly lost: readonly ApiError[]
  /** The different codes among `lost`. */
  readonly codes: readonly string[]
}

/** Makes `count` attempts at once. @throws {unknown} what is no refusal of the server */
export async function race<T>(count: number, attempt: (index: number) => Promise<T>): Promise<RaceOutcome<T>> {
  const outcomes = await Promise.allSettled(Array.from({ length: count }, (_, index) => attempt(index)))
  const won: { index: number; value: T }[] = []
  const lost: ApiError[] = []
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') won.push({ index, value: outcome.value })
    else if (outcome.reason instanceof ApiError) lost.push(outcome.reason)
    else throw outcome.reason
  }
  return { won, lost, codes: [...new Set(lost.map(({ code }) => code))].sort() }
}

/** The refusal that `call` ends in. @throws {Error} when it ends in none */
export async function refusalOf(call: Promise<unknown>): Promise<ApiError> {
  const outcome = await call.then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome && outcome.error instanceof ApiError) return outcome.error
  throw new Error(`not refused: ${JSON.stringify(outcome)}`)
}
