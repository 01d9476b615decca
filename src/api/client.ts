import type { AnswerOf, BodyOf, Operation, ParamsOf, QueryOf } from '../contract/operation.ts'

/** Leaves out the members whose type is `undefined`, so that a call names only what its operation takes. */
type Given<T> = { [K in keyof T as T[K] extends undefined ? never : K]: T[K] }

export type CallArguments<O extends Operation> = Given<{
  params: ParamsOf<O>
  query: QueryOf<O>
  body: BodyOf<O>
}> & {
  /** A step-up proof, for operations with a `stepUp`. */
  readonly proof?: string
  /** Send it although the run was aborted, within two seconds: to put away what was begun. */
  readonly afterAbort?: boolean
  /** Gives the call up when it aborts, whose reason is thrown then. */
  readonly signal?: AbortSignal
}

/** The typed client of hufud. */
export interface ApiClient {
  /** The server's origin, `https://accounts.example.org`. */
  readonly origin: string
  /** The session in use; `undefined` when there is none. */
  sessionSecret: string | undefined
  /**
   * Calls one operation and returns its checked answer.
   * @throws {ApiError} for a problem answer (its code), and with `server_unreachable`, `server_timeout`,
   * `server_not_hufud`, `answer_malformed` when there is no answer of the contract.
   */
  call<O extends Operation>(operation: O, call: CallArguments<O>): Promise<AnswerOf<O>>
  close(): Promise<void>
}
