import type { Static, TSchema } from 'typebox/type'
import type { ProblemCode } from './problems.ts'
import type { EnrolmentPurpose, ServiceScope, StepUpOperation } from './schemas.ts'

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE'

/**
 * One operation of the API, as data. The typed client, the server's validation of bodies and answers, and
 * docs/openapi.json are all made from it.
 */
export interface Operation {
  /** Stable name, `noun.verb`; the operationId of the OpenAPI document. */
  readonly id: string
  readonly method: HttpMethod
  /** Path with `:name` parameters, relative to the server's origin. */
  readonly url: string
  readonly summary: string
  /**
   * Who may call it: anyone, a session (`Authorization: Bearer`), or an admin, by the session of an account with that
   * role or by a service token.
   */
  readonly access: 'anyone' | 'session' | 'admin'
  /** Of an admin's operation: what a service token must cover. `null`: no token serves, only an admin in person. */
  readonly scope?: ServiceScope | null
  /**
   * The step-up operation whose proof the call must carry in the `Hufu-Proof` header. A service token carries none: its
   * scope stands in its place.
   */
  readonly stepUp: StepUpOperation | null
  /** A session that an enrolment link opened may call it, too, where the link is for one of these. */
  readonly enrolment?: readonly EnrolmentPurpose[]
  readonly params?: TSchema
  readonly query?: TSchema
  readonly body?: TSchema
  /** The one successful answer. */
  readonly status: 200 | 201 | 204
  readonly answer?: TSchema
  /** Refusals of its own, beside those that every operation may answer. */
  readonly problems: readonly ProblemCode[]
}

/** Gives an operation its literal type; the identity at run time. */
export const defineOperation = <const O extends Operation>(operation: O): O => operation

type Part<O extends Operation, K extends 'params' | 'query' | 'body' | 'answer'> =
  O extends Record<K, infer S extends TSchema> ? Static<S> : undefined

export type ParamsOf<O extends Operation> = Part<O, 'params'>
export type QueryOf<O extends Operation> = Part<O, 'query'>
export type BodyOf<O extends Operation> = Part<O, 'body'>
export type AnswerOf<O extends Operation> = Part<O, 'answer'>
