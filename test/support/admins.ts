import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { pino } from 'pino'
import type { Operation } from '../../src/contract/operation.ts'
import { proofHeader } from '../../src/contract/server.ts'
import { createOwnToken } from '../../src/server/domain/admin/authority.ts'
import type { Actor, Member } from '../../src/server/domain/domain.ts'
import { createHttpServer } from '../../src/server/routes/http-server.ts'
import { caller, password, type ServerWorld } from './server-world.ts'

const hour = 60 * 60_000

/** An admin as `hufud bootstrap` makes one, with a password and nothing else, logged in. */
export async function joinAdmin(world: ServerWorld, username: string): Promise<Member> {
  const { accounts, credentials } = world.services
  const { link_secret } = await accounts.bootstrap(username)
  await credentials.redeemEnrolmentLink(caller, link_secret, password)
  return world.logIn(username)
}

/** The admin as they work, with a proof for one change. */
export const inPerson = (member: Member, proof?: string): Actor => ({ ...member, kind: 'person', proof })

/** A script with a token that the server made itself, unless an admin did. */
export const byToken = (scopes: readonly string[] = ['accounts'], createdBy: string | null = null): Actor => ({
  ...caller,
  kind: 'token',
  token: { id: 'x'.repeat(22), name: 'script', scopes, createdBy },
})

/** The server's own token with these scopes, for an hour. */
export const ownToken = ({ services }: ServerWorld, scopes: readonly string[]): Promise<string> =>
  createOwnToken(services.domain, scopes, hour)

export const serve = (world: ServerWorld): FastifyInstance =>
  createHttpServer({
    services: world.services,
    version: '1',
    logger: pino({ level: 'silent' }),
    trustedProxies: [],
  })

export interface Request {
  /** A session's secret, or a token. */
  readonly secret?: string | undefined
  readonly proof?: string | undefined
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number>>
  readonly body?: unknown
}

/** Asks for an operation as anybody could write it down. */
export function request(
  app: FastifyInstance,
  { method, url }: Pick<Operation, 'method' | 'url'>,
  { secret, proof, params = {}, query = {}, body }: Request = {},
): Promise<LightMyRequestResponse> {
  const path = url.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  return app.inject({
    method,
    url: path,
    query: Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)])),
    headers: {
      ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
      ...(proof === undefined ? {} : { [proofHeader]: proof }),
    },
    ...(body === undefined ? {} : { payload: body as object }),
  })
}

/** A new session's secret, by password. */
export async function sessionSecret(app: FastifyInstance, username: string): Promise<string> {
  const begun = await request(app, { method: 'POST', url: '/v1/logins' }, { body: { username } })
  const url = `/v1/logins/${begun.json().login_id}/finish`
  const done = await request(app, { method: 'POST', url }, { body: { method: 'password', password } })
  return done.json().session_secret
}

/** Answers a challenge by password, and returns the proof. */
export async function answerChallenge(app: FastifyInstance, secret: string, challengeId: string): Promise<string> {
  const url = `/v1/step-up/${challengeId}/finish`
  const proven = await request(app, { method: 'POST', url }, { secret, body: { method: 'password', password } })
  return proven.json().proof
}

/** Steps up for `operation` with this value, and returns the proof. */
export async function proofFor(
  app: FastifyInstance,
  secret: string,
  operation: string,
  value: string,
): Promise<string> {
  const challenge = await request(app, { method: 'POST', url: '/v1/step-up' }, { secret, body: { operation, value } })
  return answerChallenge(app, secret, challenge.json().challenge_id)
}
