import type { ProblemCode } from '../../contract/problems.ts'

/** A refusal that the contract knows: it becomes a problem answer with this code. */
export class Refusal extends Error {
  readonly code: ProblemCode
  /** Further members of the problem: `retry_after`, `attempts_left`, `challenge` … Never a secret. */
  readonly members: Readonly<Record<string, unknown>>

  /** @param cause what the operator's log is told of it; it never leaves the server */
  constructor(code: ProblemCode, members: Readonly<Record<string, unknown>> = {}, cause?: Error) {
    super(code, { cause })
    this.name = 'Refusal'
    this.code = code
    this.members = members
  }
}

/** A refusal that says when to come back, in whole seconds, at least one. */
export const throttledUntil = (blockedUntil: number, now: number): Refusal =>
  new Refusal('throttled', { retry_after: Math.max(1, Math.ceil((blockedUntil - now) / 1000)) })
