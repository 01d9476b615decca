import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { disableAccount } from '../../../src/contract/admin.ts'
import { revokeToken } from '../../../src/contract/admin-tokens.ts'
import type { Operation } from '../../../src/contract/operation.ts'
import {
  applyBatch,
  batchText,
  checkRows,
  finishRun,
  previewUndo,
  type RebindRow,
  readRun,
  startRun,
  startUndo,
  undoRows,
  undoValue,
} from '../../../src/contract/rebind.ts'
import { newToken } from '../../../src/server/domain/admin/authority.ts'
import { hashSecret } from '../../../src/server/domain/secret-keys.ts'
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
import { type BulkFile, bulkFile, newRunId } from '../../support/bulk-world.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'

const minute = 60_000
const day = 24 * 60 * minute

let world: ServerWorld
let app: FastifyInstance
let root: string
let other: string
let token: string
let numbers = 0

beforeAll(async () => {
  world = await openServerWorld()
  app = serve(world)
  await app.ready()
  for (const name of ['root', 'other']) await joinAdmin(world, name)
  for (const name of ['anna', 'ben']) {
    await world.services.accounts.create({ username: name, emailAddress: `${name}@example.com` }, { source: 'test' })
  }
})
beforeEach(async () => {
  root = await sessionSecret(app, 'root')
  other = await sessionSecret(app, 'other')
  token = await ownToken(world, ['rebind'])
})
afterAll(async () => {
  await app.close()
  await world.close()
})

const ask = async (operation: Pick<Operation, 'method' | 'url'>, given: Request) => {
  const { json, statusCode } = await request(app, operation, given)
  return { status: statusCode, ...json() }
}
const newNumber = (): string => `+86138${String(++numbers).padStart(8, '0')}`
const phoneOf = async (username: string) =>
  (await world.services.domain.store.read.accounts.findByUsernameKey(username))?.phone_number

/** A file that gives anna and ben numbers of their own, each in a batch. */
const twoBatches = (): BulkFile =>
  bulkFile([[{ row: 1, username: 'anna', phone: newNumber() }], [{ row: 2, username: 'ben', phone: newNumber() }]])

const startBody = ({ file_sha256, row_count, batch_digests }: BulkFile, runId: string, more: object = {}) => ({
  run_id: runId,
  file_sha256,
  row_count,
  batch_digests,
  reason: 'moved',
  notify: true,
  ...more,
})

async function startAs(secret: string, file: BulkFile, runId = newRunId()) {
  const isToken = secret.startsWith('hufu_')
  const proof = isToken ? undefined : await proofFor(app, secret, 'rebind.start', file.value)
  return ask(startRun, { secret, proof, body: startBody(file, runId) })
}
const send = (secret: string, started: { run: { run_id: string }; run_secret: string }, rows: unknown, batch = 0) =>
  ask(applyBatch, {
    secret,
    params: { run_id: started.run.run_id, batch: String(batch) },
    body: { run_secret: started.run_secret, rows },
  })
async function begun(secret: string, file: BulkFile) {
  const started = await startAs(secret, file)
  expect(started).toMatchObject({ status: 201, run: { row_count: file.row_count, applied: 0, finished_at: null } })
  return started
}
const undoBody = (undoes: string, rowCount: number, runId = newRunId()) => ({
  run_id: runId,
  undoes,
  row_count: rowCount,
  reason: 'wrong',
  notify: true,
})

describe('a person', () => {
  test('proves for the file, its rows and its batches, and applies, looks, undoes, each step once', async () => {
    const file = twoBatches()
    const started = await begun(root, file)
    expect(started.run.started_by).toBe('admin:root')
    const { run_id } = started.run
    for (const [batch, rows] of file.batches.entries()) {
      const sent = await send(root, started, rows, batch)
      expect(sent).toMatchObject({ status: 200, results: [{ row: batch + 1, status: 'applied' }] })
    }
    expect(await phoneOf('ben')).toBe(file.batches[1]?.[0]?.phone)
    expect((await ask(readRun, { secret: root, params: { run_id } })).run.applied).toBe(2)
    const body = { run_secret: started.run_secret }
    const finished = await ask(finishRun, { secret: root, params: { run_id }, body })
    expect(finished.run.finished_at).not.toBeNull()
    expect(await send(root, started, file.batches[0])).toMatchObject({ status: 409, code: 'run_finished' })

    const looked = await ask(previewUndo, { secret: other, params: { run_id } })
    expect(looked.results.map((one: { row: number }) => one.row)).toEqual([2, 1])
    const undo = undoBody(run_id, 2)
    const missing = await ask(startUndo, { secret: other, body: undo })
    expect(missing).toMatchObject({ status: 401, reason: 'missing', challenge: { operation: 'rebind.undo' } })
    for (const value of [undoValue(run_id, 1), undoValue(newRunId(), 2)]) {
      const proof = await proofFor(app, other, 'rebind.undo', value)
      expect(await ask(startUndo, { secret: other, proof, body: undo })).toMatchObject({ reason: 'other_value' })
    }
    const proof = await answerChallenge(app, other, missing.challenge.challenge_id)
    const undoing = await ask(startUndo, { secret: other, proof, body: undo })
    expect(undoing).toMatchObject({ status: 201, run: { kind: 'undo', undoes: run_id, started_by: 'admin:other' } })
    const page = { run_secret: undoing.run_secret, limit: 500 }
    const undone = await ask(undoRows, { secret: other, params: { run_id: undo.run_id }, body: page })
    expect(undone).toMatchObject({ status: 200, next: null, results: [{ row: 2 }, { row: 1 }] })
    expect(await phoneOf('ben')).toBeNull()
  })

  test('is asked again where the file, the count, a batch or the run is another than was proven', async () => {
    const [file, another] = [twoBatches(), twoBatches()]
    const proof = await proofFor(app, root, 'rebind.start', file.value)
    const changes: object[] = [
      { file_sha256: another.file_sha256 },
      { row_count: 3 },
      { batch_digests: another.batch_digests },
    ]
    for (const change of changes) {
      const asked = await ask(startRun, { secret: root, proof, body: startBody(file, newRunId(), change) })
      const challenge = { operation: 'rebind.start' }
      expect(asked).toMatchObject({ status: 401, reason: 'other_value', challenge })
      expect(await world.services.domain.store.read.challenges.find(asked.challenge.challenge_id)).toBeDefined()
    }
    // The proof is as it was, and good for one run.
    const runId = newRunId()
    expect((await ask(startRun, { secret: root, proof, body: startBody(file, runId) })).status).toBe(201)
    expect(await ask(startRun, { secret: root, proof, body: startBody(file, runId) })).toMatchObject({ reason: 'used' })
    const notBatches = startBody(file, newRunId(), { row_count: 1 })
    expect((await ask(startRun, { secret: token, body: notBatches })).code).toBe('invalid_request')
  })

  test('may leave nobody untold', async () => {
    const file = twoBatches()
    const proof = await proofFor(app, root, 'rebind.start', file.value)
    const silent = startBody(file, newRunId(), { notify: false })
    expect(await ask(startRun, { secret: root, proof, body: silent })).toMatchObject({
      status: 403,
      code: 'service_scope_missing',
      scope: 'no-notify',
    })
    const given = await ownToken(world, ['no-notify', 'rebind'])
    expect((await ask(startRun, { secret: given, body: silent })).status).toBe(201)
  })
})

test('a run is that of whoever began it: another goes on with nothing of it', async () => {
  const file = twoBatches()
  const started = await begun(root, file)
  const rows = file.batches[0]
  for (const secret of [other, token]) {
    expect(await send(secret, started, rows)).toMatchObject({ status: 404, code: 'run_unknown' })
    const params = { run_id: started.run.run_id }
    const body = { run_secret: started.run_secret }
    expect((await ask(finishRun, { secret, params, body })).code).toBe('run_unknown')
    expect((await startAs(secret, file, started.run.run_id)).code).toBe('run_conflict')
  }
  expect(await send(await sessionSecret(app, 'root'), started, rows)).toMatchObject({ status: 200 })
  const undo = { run_secret: started.run_secret, limit: 1 }
  const asUndo = await ask(undoRows, { secret: root, params: { run_id: started.run.run_id }, body: undo })
  expect(asUndo.code).toBe('run_unknown')
})

describe('the secret of a run', () => {
  test('is the newest, and serves for a day', async () => {
    const file = twoBatches()
    const first = await begun(token, file)
    const again = await startAs(token, file, first.run.run_id)
    expect(again.run_secret).not.toBe(first.run_secret)
    const rows = file.batches[0]
    expect(await send(token, first, rows)).toMatchObject({ status: 403, code: 'run_secret_invalid' })
    expect((await send(token, { ...first, run_secret: 'a'.repeat(43) }, rows)).code).toBe('run_secret_invalid')
    const later = { ...again, run_secret: again.run_secret }
    const long = newToken(world.services.domain, { name: 'n', scopes: ['rebind'], lifetime: 9 * day, createdBy: null })
    await world.services.domain.store.transaction(queries => queries.serviceTokens.insert(long.row))
    const own = await begun(long.secret, file)
    world.clock.advance(day)
    expect((await send(long.secret, own, rows)).code).toBe('run_secret_invalid')
    expect((await send(token, later, rows)).code).toBe('service_credential_invalid')
    const renewed = await startAs(long.secret, file, own.run.run_id)
    expect(await send(long.secret, renewed, rows)).toMatchObject({ status: 200 })
  })
})

describe('authority that ends in the middle of a run', () => {
  test('a token that is revoked, by which nothing more is written', async () => {
    const { domain } = world.services
    const own = newToken(domain, { name: 'n', scopes: ['rebind'], lifetime: minute, createdBy: null })
    await domain.store.transaction(queries => queries.serviceTokens.insert(own.row))
    const file = twoBatches()
    const started = await begun(own.secret, file)
    expect((await send(own.secret, started, file.batches[0])).status).toBe(200)
    const proof = await proofFor(app, root, 'token.revoke', own.row.id)
    await ask(revokeToken, { secret: root, proof, params: { token_id: own.row.id } })
    const before = await phoneOf('ben')
    expect(await send(own.secret, started, file.batches[1], 1)).toMatchObject({
      status: 401,
      code: 'service_credential_invalid',
    })
    expect(await phoneOf('ben')).toBe(before)
    // Nor by another token of the same name.
    expect((await send(token, started, file.batches[1], 1)).code).toBe('run_unknown')
  })

  test('a token that expires', async () => {
    const { domain } = world.services
    const own = newToken(domain, { name: 'n', scopes: ['rebind'], lifetime: minute, createdBy: null })
    await domain.store.transaction(queries => queries.serviceTokens.insert(own.row))
    const file = twoBatches()
    const started = await begun(own.secret, file)
    world.clock.advance(minute)
    expect((await send(own.secret, started, file.batches[0])).code).toBe('service_credential_invalid')
  })

  test('an admin who is disabled, and the token that they made', async () => {
    await joinAdmin(world, 'leaving')
    const leaving = await sessionSecret(app, 'leaving')
    const { domain } = world.services
    const maker = await domain.store.read.accounts.findByUsernameKey('leaving')
    const made = newToken(domain, { name: 'n', scopes: ['rebind'], lifetime: day, createdBy: maker?.id ?? '' })
    await domain.store.transaction(queries => queries.serviceTokens.insert(made.row))
    const [file, scripted] = [twoBatches(), twoBatches()]
    const started = await begun(leaving, file)
    const byScript = await begun(made.secret, scripted)
    expect((await send(leaving, started, file.batches[0])).status).toBe(200)
    const proof = await proofFor(app, root, 'account.disable', 'leaving')
    expect((await ask(disableAccount, { secret: root, proof, params: { username: 'leaving' } })).changed).toBe(true)
    const before = await phoneOf('ben')
    expect(await send(leaving, started, file.batches[1], 1)).toMatchObject({ status: 401, code: 'not_logged_in' })
    expect((await send(made.secret, byScript, scripted.batches[1], 1)).code).toBe('service_credential_invalid')
    expect(await phoneOf('ben')).toBe(before)
  })
})

describe('a batch', () => {
  const rowsOf = (count: number): RebindRow[] =>
    Array.from({ length: count }, (_, index) => ({ row: index + 1, username: `nobody${index}`, phone: newNumber() }))

  test('with one byte changed, anywhere, is refused whole, and nothing is written', async () => {
    const rows: RebindRow[] = [
      { row: 1, username: 'anna', phone: newNumber() },
      { row: 2, username: 'ben', email: 'ben@other.example', disabled: true },
    ]
    const started = await begun(token, bulkFile([rows]))
    const [first, second] = rows
    const before = [await phoneOf('anna'), await phoneOf('ben')]
    const changed: unknown[] = [
      [{ ...first, phone: `${first?.phone?.slice(0, -1)}${first?.phone?.endsWith('9') ? '8' : '9'}` }, second],
      [{ ...first, username: 'ben' }, second],
      [{ ...first, username: 'Anna' }, second],
      [first, { ...second, disabled: false }],
      [first, { ...second, row: 3 }],
      [first, { ...second, email: 'ben@othes.example' }],
      [first, { ...second, totp: 'unbind' }],
      [first],
      [second, first],
    ]
    for (const each of changed) {
      expect(await send(token, started, each)).toMatchObject({ status: 422, code: 'batch_mismatch' })
    }
    expect((await send(token, started, rows, 1)).code).toBe('batch_mismatch')
    expect((await send(token, started, rows, 9_999_999)).code).toBe('batch_mismatch')
    expect([await phoneOf('anna'), await phoneOf('ben')]).toEqual(before)
    const run = await ask(readRun, { secret: token, params: { run_id: started.run.run_id } })
    expect(run.run.applied).toBe(0)
  })

  test('with numbers that do not grow is refused, though it was proven', async () => {
    for (const numbers of [
      [1, 1],
      [2, 1],
    ]) {
      const rows = numbers.map(row => ({ row, username: 'anna', phone: newNumber() }))
      const started = await begun(token, bulkFile([rows]))
      expect((await send(token, started, rows)).code).toBe('batch_mismatch')
    }
  })

  test('has at most five hundred rows', async () => {
    const rows = rowsOf(500)
    const started = await begun(token, bulkFile([rows]))
    const sent = await send(token, started, rows)
    expect(sent.results).toHaveLength(500)
    expect(sent.results.every(({ code }: { code: string }) => code === 'account_unknown')).toBe(true)
    const more = rowsOf(501)
    expect(await send(token, started, more)).toMatchObject({ status: 400, code: 'invalid_request' })
    expect((await ask(checkRows, { secret: token, body: { rows: more } })).code).toBe('invalid_request')
    expect((await send(token, started, [])).code).toBe('invalid_request')
    const digests = createHash('sha256').update(batchText(more)).digest('base64url')
    const body = { ...startBody(bulkFile([more]), newRunId()), batch_digests: digests }
    expect((await ask(startRun, { secret: token, body })).code).toBe('invalid_request')
  })

  test('of five hundred rows at their longest fits; a body that is larger is not read', async () => {
    const longest = Array.from({ length: 500 }, (_, index) => ({
      row: 4_999_500 + index,
      username: '\u{20000}'.repeat(64).slice(0, 64),
      phone: '1'.repeat(64),
      email: 'é'.repeat(320),
      password: '长'.repeat(128),
    }))
    expect((await ask(checkRows, { secret: token, body: { rows: longest } })).status).toBe(200)
    const tooLarge = { rows: [{ row: 1, username: 'anna', email: 'x'.repeat(500 * 3_072) }] }
    const refused = await ask(checkRows, { secret: token, body: tooLarge })
    expect(refused.status).toBe(413)
    const started = await begun(token, twoBatches())
    expect((await send(token, started, tooLarge.rows)).status).toBe(413)
  })
})

test('an undoing that begins later than the rows are kept is refused, removed or not, and so is a look at it', async () => {
  const file = twoBatches()
  const started = await begun(token, file)
  const { run_id } = started.run
  for (const [batch, rows] of file.batches.entries()) await send(token, started, rows, batch)
  const own = { run_secret: started.run_secret }
  await ask(finishRun, { secret: token, params: { run_id }, body: own })
  const early = await ask(startUndo, { secret: token, body: undoBody(run_id, 2) })
  expect(early.status).toBe(201)
  const page = { run_secret: early.run_secret, limit: 1 }
  const params = { run_id: early.run.run_id }
  expect((await ask(undoRows, { secret: token, params, body: page })).results).toHaveLength(1)

  world.clock.advance(90 * day)
  token = await ownToken(world, ['rebind'])
  expect(await ask(previewUndo, { secret: token, params: { run_id } })).toMatchObject({
    status: 410,
    code: 'run_expired',
  })
  const late = () => ask(startUndo, { secret: token, body: undoBody(run_id, 2) })
  expect((await late()).code).toBe('run_expired')
  const { store } = world.services.domain
  await store.transaction(({ bulk }) => bulk.finishRun(early.run.run_id, world.clock.now()))
  while ((await store.read.cleaning.remove('bulk_rows', world.clock.now() + 1, 100)) > 0);
  expect((await ask(readRun, { secret: token, params: { run_id } })).run.applied).toBe(0)
  expect((await late()).code).toBe('run_expired')
})

describe('large bodies', () => {
  /** The first line of the answer to a request whose body does not come. */
  async function answerToHeaders(url: string, length: number, bearer: string): Promise<string> {
    const { port } = app.server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    const credential = bearer && `authorization: Bearer ${bearer}\r\n`
    socket.write(
      `POST ${url} HTTP/1.1\r\nhost: localhost\r\n${credential}content-type: application/json\r\ncontent-length: ${length}\r\n\r\n{`,
    )
    const [chunk] = await once(socket, 'data')
    socket.destroy()
    return String(chunk).split('\r\n', 1)[0] ?? ''
  }
  beforeAll(() => app.listen({ port: 0, host: '127.0.0.1' }))

  test.each([checkRows.url, startRun.url, applyBatch.url.replace(':run_id', newRunId()).replace(':batch', '0')])(
    '%s is refused to strangers before its body is there, and by its length to all',
    async url => {
      expect(await answerToHeaders(url, 700_000, '')).toBe('HTTP/1.1 401 Unauthorized')
      expect(await answerToHeaders(url, 700_000, 'x'.repeat(43))).toBe('HTTP/1.1 401 Unauthorized')
      expect(await answerToHeaders(url, 700_000, await ownToken(world, ['audit']))).toBe('HTTP/1.1 403 Forbidden')
      expect(await answerToHeaders(url, 2_000_000, token)).toBe('HTTP/1.1 413 Payload Too Large')
    },
  )

  test('whoever loses access while the body comes is refused', async () => {
    const passing = await ownToken(world, ['rebind'])
    const { port } = app.server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    const body = JSON.stringify({ rows: [{ row: 1, username: 'anna', phone: newNumber() }] })
    const head = `POST ${checkRows.url} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${passing}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
    socket.write(`${head}${body.slice(0, 5)}`)
    const { store } = world.services.domain
    const now = world.clock.now()
    const found = await store.read.serviceTokens.findLive(hashSecret(passing), now)
    const id = found?.id ?? ''
    // It was let in.
    await expect.poll(async () => (await store.read.serviceTokens.find(id))?.last_used_at).toBe(now)
    await store.transaction(({ serviceTokens }) => serviceTokens.revoke(id, now))
    socket.write(body.slice(5))
    const [chunk] = await once(socket, 'data')
    expect(String(chunk)).toContain('service_credential_invalid')
    socket.destroy()
  })
})
