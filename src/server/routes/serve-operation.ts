import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox/type'
import type { AnswerOf, BodyOf, Operation, ParamsOf, QueryOf } from '../../contract/operation.ts'
import { proofHeader } from '../../contract/server.ts'
import { printable } from '../../lib/printable.ts'
import { authenticateActor } from '../domain/admin/authority.ts'
import type { Actor, Caller, Member } from '../domain/domain.ts'
import { confineEnrolment } from '../domain/enrolment-links.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Services } from '../domain/services.ts'
import { answerValidation, requestValidation, type Validation } from './validation.ts'

const longestClient = 120

/** Who sends this request, as the connection and its headers tell. */
export function callerOf(request: FastifyRequest): Caller {
  const language = request.headers['accept-language']
  return {
    source: request.ip,
    client: printable(request.headers['user-agent'] ?? '').slice(0, longestClient),
    locale: language?.trimStart().toLowerCase().startsWith('zh') ? 'zh-CN' : 'en',
  }
}

const bearerOf = (request: FastifyRequest): string | undefined =>
  /^Bearer ((?:hufu_)?[A-Za-z0-9_-]{43})$/i.exec(request.headers.authorization ?? '')?.[1]

function proofOf(request: FastifyRequest): string | undefined {
  const header = request.headers[proofHeader]
  return typeof header === 'string' && /^[A-Za-z0-9_-]{43}$/.test(header) ? header : undefined
}

interface Given<O extends Operation> {
  readonly params: ParamsOf<O>
  readonly query: QueryOf<O>
  readonly body: BodyOf<O>
  readonly caller: Caller
  readonly proof: string | undefined
}

type Handler<O extends Operation> = (
  given: Given<O> &
    (O['access'] extends 'session' ? { readonly member: Member } : unknown) &
    (O['access'] extends 'admin' ? { readonly actor: Actor } : unknown),
) => Promise<AnswerOf<O>>

/** An answer that is not of the contract: a bug, which must not reach a client as if it were one. */
export class AnswerInvalid extends Error {
  constructor(operation: Operation, paths: readonly string[]) {
    super(`the answer of ${operation.id} is not of its schema at ${paths.join(', ')}`)
    this.name = 'AnswerInvalid'
  }
}

/**
 * Serves one operation of the contract: its path and method, who may call it, the validation of what comes in, and of
 * what goes out.
 */
export function serveOperation<const O extends Operation>(
  app: FastifyInstance,
  services: Services,
  operation: O,
  handle: Handler<O>,
  /** In bytes, where it is not the usual. */
  { longestBody }: { longestBody?: number } = {},
): void {
  const validations = {
    params: operation.params && requestValidation(operation.params),
    query: operation.query && requestValidation(operation.query),
    body: operation.body && requestValidation(operation.body),
  }
  const integers = integersOf(operation.query)
  const answer = operation.answer && answerValidation(operation.answer)
  /** Nobody else makes this process read a large body. It takes its time to come: who asks is seen to once more then. */
  const refuseStrangers = async (request: FastifyRequest) => {
    await whoAsks(services, operation, request)
  }

  app.route({
    method: operation.method,
    url: operation.url,
    ...(longestBody === undefined ? {} : { bodyLimit: longestBody, onRequest: refuseStrangers }),
    async handler(request: FastifyRequest, reply: FastifyReply) {
      const { caller, proof, member, actor } = await whoAsks(services, operation, request)
      const query = request.query as Record<string, unknown>
      readIntegers(query, integers)
      check(validations.params, request.params, 'params')
      check(validations.query, query, 'query')
      check(validations.body, request.body, 'body')
      const given = { params: request.params, query, body: request.body, caller, member, actor, proof }
      const result = await handle(given as unknown as Parameters<typeof handle>[0])
      reply.code(operation.status).header('cache-control', 'no-store')
      if (!answer) return reply.send()
      if (!answer.accepts(result)) {
        throw new AnswerInvalid(
          operation,
          answer.explain(result).map(({ path }) => path),
        )
      }
      return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(result))
    },
  })
}

/** Whoever may call the operation. @throws {Refusal} when it is not whoever calls */
async function whoAsks(
  services: Services,
  operation: Operation,
  request: FastifyRequest,
): Promise<{ caller: Caller; proof: string | undefined; member?: Member; actor?: Actor }> {
  const { domain, sessions } = services
  const asked = { caller: callerOf(request), proof: proofOf(request) }
  if (operation.access === 'anyone') return asked
  const bearer = bearerOf(request)
  if (operation.access === 'session') {
    const member = await sessions.authenticate(bearer, asked.caller)
    await confineEnrolment(domain, member.session, operation.enrolment)
    return { ...asked, member }
  }
  return {
    ...asked,
    actor: await authenticateActor({ domain, sessions }, { bearer, ...asked }, operation.scope ?? null),
  }
}

/** The parameters of a query that its schema says are integers: a URL has only text for them. */
function integersOf(query: TSchema | undefined): string[] {
  const { properties = {} } = (query ?? {}) as { properties?: Record<string, { type?: unknown }> }
  return Object.keys(properties).filter(name => properties[name]?.type === 'integer')
}

function readIntegers(query: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) {
    const text = query[name]
    if (typeof text === 'string' && /^\d{1,15}$/.test(text)) query[name] = Number(text)
  }
}

function check(validation: Validation | undefined, value: unknown, where: string): void {
  if (validation && !validation.accepts(value)) {
    throw new Refusal('invalid_request', { in: where, errors: validation.explain(value) })
  }
}
