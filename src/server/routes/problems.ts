import type { FastifyReply } from 'fastify'
import { type ProblemCode, problems } from '../../contract/problems.ts'

/** What goes into the `WWW-Authenticate` header of a 401: RFC 6750 section 3, RFC 9470 section 3. */
const authenticateHeader: Partial<Record<ProblemCode, string>> = {
  not_logged_in: 'Bearer realm="hufud"',
  service_credential_invalid: 'Bearer realm="hufud admin"',
  login_failed: 'Bearer realm="hufud"',
  insufficient_user_authentication:
    'Bearer realm="hufud", error="insufficient_user_authentication", error_description="A step-up proof for this operation is required"',
}

/** Sends a refusal as `application/problem+json` (RFC 9457). */
export function sendProblem(
  reply: FastifyReply,
  code: ProblemCode,
  members: Readonly<Record<string, unknown>> = {},
): FastifyReply {
  const { status, title } = problems[code]
  const retryAfter = members.retry_after
  if (typeof retryAfter === 'number') reply.header('retry-after', String(retryAfter))
  const authenticate = authenticateHeader[code]
  if (authenticate) reply.header('www-authenticate', authenticate)
  return reply
    .code(status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(JSON.stringify({ type: `urn:hufu:problem:${code}`, title, status, code, ...members }))
}
