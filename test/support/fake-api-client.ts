import { isDeepStrictEqual } from 'node:util'
import type { ApiClient, CallArguments } from '../../src/api/client.ts'
import { ApiError } from '../../src/api/errors.ts'
import { isOfSchema } from '../../src/contract/check.ts'
import type { AnswerOf, Operation } from '../../src/contract/operation.ts'
import { type ProblemCode, problems } from '../../src/contract/problems.ts'

interface Stub {
  readonly operation: Operation
  readonly call: object
  readonly outcome: unknown
}

const describeCall = (operation: Operation, call: object): string => `${operation.id} ${JSON.stringify(call)}`

/** A refusal as hufud gives it, with the status of the contract. */
export const refusal = (code: ProblemCode, members: Readonly<Record<string, unknown>> = {}): ApiError =>
  new ApiError(code, { status: problems[code].status, detail: problems[code].title, problem: { code, ...members } })

/**
 * An `ApiClient` that answers the calls it was told to expect, in their order, and fails for any other. Calls and
 * answers are of the contract: by their types, and by their schemas at run time.
 */
export class FakeApiClient implements ApiClient {
  readonly origin = 'https://accounts.example.org'
  sessionSecret: string | undefined = undefined
  private readonly stubs: Stub[] = []

  /** Expects one call, answered by `outcome`, or rejected with it when it is an error. */
  expects<O extends Operation>(operation: O, call: CallArguments<O>, outcome: AnswerOf<O> | Error): this {
    for (const part of ['params', 'query', 'body'] as const) {
      const schema = operation[part]
      const value = (call as Readonly<Record<string, unknown>>)[part]
      if (schema && !isOfSchema(schema, value)) throw new Error(`stub is no call: ${describeCall(operation, call)}`)
    }
    if (!(outcome instanceof Error) && operation.answer && !isOfSchema(operation.answer, outcome)) {
      throw new Error(`stub is no answer of ${operation.id}: ${JSON.stringify(outcome)}`)
    }
    this.stubs.push({ operation, call, outcome })
    return this
  }

  async call<O extends Operation>(operation: O, call: CallArguments<O>): Promise<AnswerOf<O>> {
    const next = this.stubs[0]
    const { signal: _, ...said } = call as Readonly<Record<string, unknown>>
    if (!next || next.operation.id !== operation.id || !isDeepStrictEqual({ ...next.call }, said)) {
      const expected = next ? describeCall(next.operation, next.call) : 'no call'
      throw new Error(`unexpected ${describeCall(operation, call)}; expected ${expected}`)
    }
    this.stubs.shift()
    if (next.outcome instanceof Error) throw next.outcome
    return next.outcome as AnswerOf<O>
  }

  /** @throws {Error} when an expected call has not been made. */
  verifyAllCalled(): void {
    const [left] = this.stubs
    if (left) throw new Error(`not called: ${describeCall(left.operation, left.call)}`)
  }

  async close(): Promise<void> {}
}
