import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAccount, listAccounts, showAccount } from '../../../src/contract/admin.ts'
import { listAudit } from '../../../src/contract/admin-audit.ts'
import { createToken } from '../../../src/contract/admin-tokens.ts'
import { listMessages } from '../../../src/contract/messages.ts'
import { checkRows, startRun, startUndo } from '../../../src/contract/rebind.ts'
import { joinAdmin, ownToken, request, serve, sessionSecret } from '../../support/admins.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'

let world: ServerWorld
let app: FastifyInstance
let token: string

beforeAll(async () => {
  world = await openServerWorld()
  app = serve(world)
  await app.ready()
  await joinAdmin(world, 'root')
  token = await ownToken(world, ['accounts', 'audit', 'messages', 'rebind'])
})
afterAll(async () => {
  await app.close()
  await world.close()
})

const digest = { file_sha256: 'a'.repeat(64), row_count: 1, batch_digests: 'A'.repeat(43), notify: true }
const run = { run_id: 'r'.repeat(22), ...digest }
const undo = { run_id: 'u'.repeat(22), undoes: 'r'.repeat(22), row_count: 1, notify: true }

/** Texts that a database refuses, or that do to a terminal what is not shown on it. */
const hostile = ['a\0b', '\0', '\u001b[2Jgone', 'up\rover', 'two\nlines', '\u009b2J', 'abc\u202etxt.exe']

test.each(hostile)('%j is refused as a reason, and nothing is begun', async reason => {
  const rebound = await request(app, startRun, { secret: token, body: { ...run, reason } })
  expect([rebound.statusCode, rebound.json().code]).toEqual([400, 'invalid_request'])
  const undone = await request(app, startUndo, { secret: token, body: { ...undo, reason } })
  expect([undone.statusCode, undone.json().code]).toEqual([400, 'invalid_request'])
})

test('a reason may be of any script', async () => {
  const reason = '搬家 — déménagement 👩🏽‍💻 "x", =1+1'
  const begun = await request(app, startRun, { secret: token, body: { ...run, reason } })
  expect([begun.statusCode, begun.json().run.reason]).toEqual([201, reason])
})

test('U+0000 is refused wherever a text comes in', async () => {
  const nul = 'a\0b'
  const person = await sessionSecret(app, 'root')
  const asked = await Promise.all([
    request(app, listAccounts, { secret: token, query: { after: nul } }),
    request(app, listAccounts, { secret: token, query: { prefix: nul } }),
    request(app, showAccount, { secret: token, params: { username: nul } }),
    request(app, listAudit, { secret: token, query: { username: nul } }),
    request(app, listAudit, { secret: token, query: { actor: nul } }),
    request(app, listMessages, { secret: token, query: { before: nul } }),
    request(app, createAccount, { secret: token, body: { username: nul } }),
    request(app, createAccount, { secret: token, body: { username: 'dora', email_address: `${nul}@example.com` } }),
    request(app, createAccount, { secret: token, body: { username: 'dora', phone_number: `1380013800${nul}` } }),
    request(app, createToken, { secret: person, body: { name: nul, scopes: ['audit'], lifetime: 60 } }),
  ])
  for (const { statusCode, body } of asked) expect([statusCode >= 400 && statusCode < 500, body]).toEqual([true, body])
})

test('a row with U+0000 in a cell fails by itself', async () => {
  const rows = ['phone', 'email', 'password_hash'].map((column, index) => ({
    row: index + 1,
    username: 'root',
    [column]: 'a\0b',
  }))
  const checked = await request(app, checkRows, { secret: token, body: { rows } })
  expect(checked.json().results.map(({ status }: { status: string }) => status)).toEqual(['failed', 'failed', 'failed'])
})
