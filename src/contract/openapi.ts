import type { Operation } from './operation.ts'
import { operations } from './operations.ts'
import { type ProblemCode, problems } from './problems.ts'
import { proofHeader } from './server.ts'

/** Refusals that any operation may answer, beside those it names. */
const everywhere: readonly ProblemCode[] = ['invalid_request', 'internal_error']
const withBody: readonly ProblemCode[] = ['body_too_large', 'media_type_unsupported']
const withSession: readonly ProblemCode[] = ['not_logged_in']
const withEnrolment: readonly ProblemCode[] = ['link_invalid']
const withStepUp: readonly ProblemCode[] = ['insufficient_user_authentication']
const withAdmin: readonly ProblemCode[] = ['not_logged_in', 'admin_required']
const withToken: readonly ProblemCode[] = ['service_credential_invalid', 'service_scope_missing']

/** Every problem code that an operation may answer. */
export function problemsOf(operation: Operation): ProblemCode[] {
  const codes = [
    ...operation.problems,
    ...everywhere,
    ...(operation.body ? withBody : []),
    ...(operation.access === 'session' ? withSession : []),
    ...(operation.enrolment ? withEnrolment : []),
    ...(operation.access === 'admin' ? [...withAdmin, ...withToken] : []),
    ...(operation.stepUp ? withStepUp : []),
  ]
  return [...new Set(codes)].sort()
}

type Json = Readonly<Record<string, unknown>>

/** A schema as plain JSON: TypeBox's own marks are not enumerable, or symbols. */
const plain = (schema: unknown): Json => JSON.parse(JSON.stringify(schema))

const problemContent = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }

function responsesOf(operation: Operation): Json {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of problemsOf(operation)) {
    const { status } = problems[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const refusals = [...byStatus].map(([status, codes]) => [
    String(status),
    { description: codes.map(code => `\`${code}\`: ${problems[code].title}`).join('\n\n'), content: problemContent },
  ])
  const success = {
    description: 'Done.',
    ...(operation.answer ? { content: { 'application/json': { schema: plain(operation.answer) } } } : {}),
  }
  return { [operation.status]: success, ...Object.fromEntries(refusals) }
}

function parametersOf(operation: Operation): Json[] {
  const of = (schema: unknown, place: 'path' | 'query'): Json[] => {
    if (!schema) return []
    const { properties = {}, required = [] } = plain(schema) as { properties?: Json; required?: string[] }
    return Object.entries(properties).map(([name, type]) => ({
      name,
      in: place,
      required: required.includes(name),
      schema: type,
    }))
  }
  const proof = operation.stepUp
    ? [
        {
          name: proofHeader,
          in: 'header',
          required: false,
          schema: { type: 'string' },
          description: `Step-up proof for ${operation.stepUp}.`,
        },
      ]
    : []
  return [...of(operation.params, 'path'), ...of(operation.query, 'query'), ...proof]
}

function securityOf({ access, scope }: Operation): Json[] {
  if (access === 'anyone') return []
  return [{ session: [] }, ...(access === 'admin' && scope ? [{ service: [scope] }] : [])]
}

function describe(operation: Operation): Json {
  return {
    operationId: operation.id,
    summary: operation.summary,
    ...(operation.stepUp ? { 'x-step-up': operation.stepUp } : {}),
    security: securityOf(operation),
    parameters: parametersOf(operation),
    ...(operation.body
      ? { requestBody: { required: true, content: { 'application/json': { schema: plain(operation.body) } } } }
      : {}),
    responses: responsesOf(operation),
  }
}

/** The API as an OpenAPI 3.1 document. */
export function openApiDocument(): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const operation of operations) {
    const path = operation.url.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'hufud',
      version: '1',
      description:
        'The account server of hufu. Every change carries a step-up proof of its own: ask for a challenge (POST /v1/step-up), answer it by one of its methods, and send the proof in the `hufu-proof` header. Without one the change answers 401 `insufficient_user_authentication` (RFC 9470) with a fresh challenge. Refusals are problem documents (RFC 9457) with a stable `code`.',
    },
    paths,
    components: {
      securitySchemes: {
        session: { type: 'http', scheme: 'bearer', description: 'The session secret of a login.' },
        service: {
          type: 'http',
          scheme: 'bearer',
          description: "A scoped service token (`hufu_…`), in the place of an admin's session and proof.",
        },
      },
      schemas: {
        Problem: {
          type: 'object',
          required: ['type', 'title', 'status', 'code'],
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            code: { enum: Object.keys(problems).sort() },
            retry_after: { type: 'integer', description: 'Seconds.' },
            attempts_left: { type: 'integer', description: 'Attempts before one has to wait.' },
            reason: { type: 'string', description: 'Why a proof was not accepted.' },
            challenge: { type: 'object', description: 'A fresh step-up challenge.' },
          },
        },
      },
    },
  }
}
