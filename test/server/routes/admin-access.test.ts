import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Operation } from '../../../src/contract/operation.ts'
import { operations } from '../../../src/contract/operations.ts'
import { runValue } from '../../../src/contract/rebind.ts'
import { serviceScopes, stepUpOperations } from '../../../src/contract/schemas.ts'
import type { Member } from '../../../src/server/domain/domain.ts'
import { hashSecret, newId, newSecret } from '../../../src/server/domain/secret-keys.ts'
import {
  answerChallenge,
  joinAdmin,
  ownToken,
  proofFor,
  type Request,
  request,
  serve,
  sessionSecret,
} from '../../support/admins.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'

const id = 'a'.repeat(22)
const digest = 'a'.repeat(64)

/** A call of each operation that cannot do without parameters, and the value that its proof is for. */
const samples: Record<string, Request & { value?: string }> = {
  'admin.create_account': { body: { username: 'Newcomer' }, value: 'newcomer' },
  'admin.show_account': { params: { username: 'target' } },
  'admin.disable_account': { params: { username: 'Target' }, value: 'TARGET' },
  'admin.enable_account': { params: { username: 'target' }, value: 'target' },
  'admin.reset_link': { params: { username: 'target' }, value: 'target' },
  'token.create': { body: { name: 'n', scopes: ['rebind', 'audit', 'rebind'], lifetime: 60 }, value: 'audit rebind' },
  'token.revoke': { params: { token_id: id }, value: id },
  'rebind.check': { body: { rows: [{ row: 1, username: 'target' }] } },
  'rebind.start': {
    body: { run_id: id, file_sha256: digest, row_count: 1, batch_digests: 'A'.repeat(43), reason: 'r', notify: true },
    value: runValue(digest, 1, '66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925'),
  },
  'rebind.start_undo': {
    body: { run_id: id, undoes: id, row_count: 1, reason: 'r', notify: true },
    value: `${id}:1`,
  },
  'rebind.apply': { params: { run_id: id, batch: '0' }, body: { run_secret: 'a'.repeat(43), rows: [{ row: 1 }] } },
  'rebind.undo': { params: { run_id: id }, body: { run_secret: 'a'.repeat(43), limit: 1 } },
  'rebind.finish': { params: { run_id: id }, body: { run_secret: 'a'.repeat(43) } },
  'rebind.preview_undo': { params: { run_id: id } },
  'rebind.read_run': { params: { run_id: id } },
}

let world: ServerWorld
let app: FastifyInstance
let admin: string
let person: string
let enrolling: string

/** A session such as an enrolment link opens, on an admin's account. */
async function openEnrolmentSession({ account, session }: Member): Promise<string> {
  const { store, random, clock } = world.services.domain
  const secret = newSecret(random)
  const now = clock.now()
  await store.transaction(async queries => {
    const link = { id: newId(random), account_id: account.id, secret_hash: hashSecret(newSecret(random)) }
    await queries.links.insert({ ...link, created_at: now, expires_at: now + 60_000, purpose: 'totp' })
    await queries.sessions.insert({
      ...session,
      id: newId(random),
      secret_hash: hashSecret(secret),
      enrolment_link_id: link.id,
    })
  })
  return secret
}

beforeAll(async () => {
  world = await openServerWorld()
  app = serve(world)
  await app.ready()
  enrolling = await openEnrolmentSession(await joinAdmin(world, 'root'))
  await world.join('somebody')
  await world.join('target')
  admin = await sessionSecret(app, 'root')
  person = await sessionSecret(app, 'somebody')
})
afterAll(async () => {
  await app.close()
  await world.close()
})

const adminOperations = operations.filter(({ access }) => access === 'admin')

test('there is a sample of every operation that takes something', () => {
  for (const operation of adminOperations) {
    if (operation.params || operation.body) expect(samples, operation.id).toHaveProperty([operation.id])
    if (operation.stepUp) expect(samples[operation.id]?.value, operation.id).toBeTypeOf('string')
  }
})

describe.each(adminOperations.map(operation => [operation.id, operation] as const))('%s', (operationId, operation) => {
  const { value = '', ...sample } = samples[operationId] ?? {}
  const ask = async (secret?: string, proof?: string) => {
    const { json, statusCode, headers } = await request(app, operation, { ...sample, secret, proof })
    return { status: statusCode, headers, ...json() }
  }
  const codeOf = async (secret?: string, proof?: string): Promise<string | undefined> => (await ask(secret, proof)).code
  const takesProof = operation.stepUp !== null

  test('is for nobody without a session, nor with one that is none', async () => {
    expect(await ask()).toMatchObject({ code: 'not_logged_in', status: 401 })
    expect(await codeOf('x'.repeat(43))).toBe('not_logged_in')
  })

  test('is for no person who is no admin', async () => {
    expect(await ask(person)).toMatchObject({ code: 'admin_required', status: 403 })
  })

  test('is for no session that an enrolment link opened', async () => {
    expect(await codeOf(enrolling)).toBe('not_logged_in')
  })

  test('is for no token that is unknown, or made for other things', async () => {
    expect(await ask(`hufu_${'x'.repeat(43)}`)).toMatchObject({ code: 'service_credential_invalid', status: 401 })
    const others = serviceScopes.filter(scope => scope !== operation.scope)
    expect(await ask(await ownToken(world, others))).toMatchObject({ code: 'service_scope_missing', status: 403 })
  })

  test.runIf(operation.scope)('takes a token of its scope, without a proof', async () => {
    const code = await codeOf(await ownToken(world, [String(operation.scope)]))
    expect(['service_scope_missing', 'service_credential_invalid', 'insufficient_user_authentication']).not.toContain(
      code,
    )
  })

  test.runIf(!takesProof)('takes an admin in person', async () => {
    expect(['admin_required', 'not_logged_in', 'insufficient_user_authentication']).not.toContain(await codeOf(admin))
  })

  test.runIf(takesProof)('takes an admin in person with a proof for exactly this, once', async () => {
    const stepUp = String(operation.stepUp)
    const refused = { code: 'insufficient_user_authentication', status: 401 }
    const missing = await ask(admin)
    expect(missing).toMatchObject({ ...refused, reason: 'missing', challenge: { operation: stepUp } })
    expect(missing.headers['www-authenticate']).toContain('insufficient_user_authentication')

    const otherValue = await ask(admin, await proofFor(app, admin, stepUp, `not-${value}`.slice(0, 60)))
    expect(otherValue).toMatchObject({ ...refused, reason: 'other_value', challenge: { operation: stepUp } })
    const other = stepUpOperations.find(name => /^(account|token|rebind)\./.test(name) && name !== stepUp) ?? ''
    const otherOperation = await ask(admin, await proofFor(app, admin, other, value))
    expect(otherOperation).toMatchObject({ ...refused, reason: 'other_operation', challenge: { operation: stepUp } })
    const otherSession = await sessionSecret(app, 'root')
    const foreign = await ask(admin, await proofFor(app, otherSession, stepUp, value))
    expect(foreign).toMatchObject({ ...refused, reason: 'other_session' })

    // The challenge of a refusal is for the value that was asked for.
    const proof = await answerChallenge(app, admin, otherValue.challenge.challenge_id)
    const first = await ask(admin, proof)
    expect(first.code).not.toBe(refused.code)
    // What was refused for another reason leaves the proof to be used.
    if (first.code === undefined) expect(await ask(admin, proof)).toMatchObject({ ...refused, reason: 'used' })
    else expect(await codeOf(admin, proof)).toBe(first.code)
    expect(await codeOf(admin, await proofFor(app, admin, stepUp, value))).not.toBe(refused.code)
  })
})

test('a step-up for what admins do is for admins, and for one value', async () => {
  const stepUp: Pick<Operation, 'method' | 'url'> = { method: 'POST', url: '/v1/step-up' }
  const ask = async (secret: string, body: unknown) => (await request(app, stepUp, { secret, body })).json().code
  for (const operation of stepUpOperations.filter(name => /^(account|token|rebind)\./.test(name))) {
    expect(await ask(person, { operation, value: 'x' })).toBe('admin_required')
    expect(await ask(admin, { operation })).toBe('invalid_request')
  }
})
