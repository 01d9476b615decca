import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { disableAccount, enableAccount, listAccounts } from '../../../src/contract/admin.ts'
import { listAudit } from '../../../src/contract/admin-audit.ts'
import { createToken, listTokens, revokeToken } from '../../../src/contract/admin-tokens.ts'
import type { Operation } from '../../../src/contract/operation.ts'
import { operations } from '../../../src/contract/operations.ts'
import { newToken } from '../../../src/server/domain/admin/authority.ts'
import { joinAdmin, ownToken, proofFor, request, serve, sessionSecret } from '../../support/admins.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'

const minute = 60_000
const day = 24 * 60 * minute

let world: ServerWorld
let app: FastifyInstance
let root: string
let other: string

beforeAll(async () => {
  world = await openServerWorld()
  app = serve(world)
  await app.ready()
  await joinAdmin(world, 'root')
  await joinAdmin(world, 'other')
  root = await sessionSecret(app, 'root')
  other = await sessionSecret(app, 'other')
})
afterAll(async () => {
  await app.close()
  await world.close()
})

interface Wanted {
  readonly name?: string
  readonly scopes?: readonly string[]
  readonly lifetime?: number
}
const make = async ({ name = 'nightly', scopes = ['accounts'], lifetime = 3600 }: Wanted = {}, secret = root) => {
  const proof = await proofFor(app, secret, 'token.create', [...new Set(scopes)].sort().join(' '))
  return request(app, createToken, { secret, proof, body: { name, scopes, lifetime } })
}
const revoke = async (tokenId: string, secret = root) =>
  request(app, revokeToken, {
    secret,
    proof: await proofFor(app, secret, 'token.revoke', tokenId),
    params: { token_id: tokenId },
  })
const switchAccount = async (operation: typeof disableAccount | typeof enableAccount, username: string) => {
  const proof = await proofFor(app, root, operation.stepUp, username)
  return request(app, operation, { secret: root, proof, params: { username } })
}
const codeWith = async (secret: string, operation: Operation = listAccounts): Promise<string | undefined> =>
  (await request(app, operation, { secret })).json().code
const entryOf = async (id: string) => {
  const { tokens } = (await request(app, listTokens, { secret: root, query: { limit: 200 } })).json()
  return tokens.find((token: { id: string }) => token.id === id)
}

describe('a token', () => {
  test('is told once, stored as its hash, and does what it was made for until it expires', async () => {
    const made = await make({ name: 'import', scopes: ['messages', 'accounts', 'accounts'], lifetime: 60 })
    expect(made.statusCode).toBe(201)
    const { token, ...entry } = made.json()
    expect(token).toMatch(/^hufu_[\w-]{43}$/)
    expect(entry).toMatchObject({ name: 'import', scopes: ['accounts', 'messages'], created_by: 'root' })
    expect(await entryOf(entry.id)).toEqual(entry)
    const listed = await request(app, listTokens, { secret: other })
    expect(listed.body).not.toContain(token.slice(5))
    expect(await codeWith(token)).toBeUndefined()
    expect(await codeWith(token, listAudit)).toBe('service_scope_missing')
    world.clock.advance(minute)
    expect(await codeWith(token)).toBe('service_credential_invalid')
  })

  test('notes when it was used, but not each time', async () => {
    const { token, id } = (await make()).json()
    expect((await entryOf(id)).last_used_at).toBeNull()
    await codeWith(token)
    const first = (await entryOf(id)).last_used_at
    expect(first).toBe(new Date(world.clock.now()).toISOString())
    world.clock.advance(minute)
    await codeWith(token)
    expect((await entryOf(id)).last_used_at).toBe(first)
    world.clock.advance(5 * minute)
    await codeWith(token)
    expect((await entryOf(id)).last_used_at).not.toBe(first)
  })

  test('is made by an admin in person, with a proof for these scopes', async () => {
    const body = { name: 'more', scopes: ['accounts', 'rebind'], lifetime: 60 }
    const proof = await proofFor(app, root, 'token.create', 'rebind')
    expect((await request(app, createToken, { secret: root, proof, body })).json()).toMatchObject({
      code: 'insufficient_user_authentication',
      reason: 'other_value',
    })
    const all = await ownToken(world, ['accounts', 'audit', 'messages', 'no-notify', 'rebind'])
    expect((await request(app, createToken, { secret: all, body })).json().code).toBe('service_scope_missing')
    expect((await request(app, listTokens, { secret: all })).json().code).toBe('service_scope_missing')
  })

  test('with no-notify alone does nothing', async () => {
    const { token } = (await make({ scopes: ['no-notify'] })).json()
    for (const operation of operations.filter(({ access }) => access === 'admin')) {
      if (!app.hasRoute(operation)) continue
      expect(await codeWith(token, operation), operation.id).toBe('service_scope_missing')
    }
  })

  test.each([
    [{ name: '' }],
    [{ name: ' ' }],
    [{ name: 'a\u001b[2Jb' }],
    [{ name: 'a\nb' }],
    [{ name: 'a\u202eb' }],
    [{ name: 'a\u0000b' }],
    [{ name: 'a'.repeat(65) }],
    [{ scopes: [] }],
    [{ scopes: ['accounts', 'all'] }],
    [{ lifetime: 59 }],
    [{ lifetime: 366 * 24 * 60 * 60 + 1 }],
    [{ lifetime: 60.5 }],
  ])('is not made of %j', async wanted => {
    const body = { name: 'n', scopes: ['audit'], lifetime: 60, ...wanted }
    const proof = await proofFor(app, root, 'token.create', 'audit')
    const refused = await request(app, createToken, { secret: root, proof, body })
    expect(refused.json()).toMatchObject({ code: 'invalid_request', status: 400 })
  })

  test('lives a year at most', async () => {
    const { id } = (await make({ lifetime: 366 * 24 * 60 * 60 })).json()
    expect(Date.parse((await entryOf(id)).expires_at)).toBe(world.clock.now() + 366 * day)
  })
})

describe('a token ends', () => {
  test('when it is revoked, by whichever admin, once; its maker’s log tells who', async () => {
    const { token, id } = (await make({ name: 'doomed' }, other)).json()
    world.clock.advance(1)
    expect((await revoke(id)).json()).toEqual({ token_id: id, name: 'doomed', changed: true })
    expect((await revoke(id)).json()).toEqual({ token_id: id, name: 'doomed', changed: false })
    expect(await codeWith(token)).toBe('service_credential_invalid')
    expect((await entryOf(id)).revoked_at).toBe(new Date(world.clock.now()).toISOString())
    const secret = await ownToken(world, ['audit'])
    const { events } = (
      await request(app, listAudit, { secret, query: { username: 'other', action: 'token.' } })
    ).json()
    expect(events).toMatchObject([
      { action: 'token.revoke', actor: 'admin:root', username: 'other', details: { token_id: id, name: 'doomed' } },
      {
        action: 'token.create',
        actor: 'admin:other',
        method: 'password',
        details: { token_id: id, name: 'doomed', scopes: 'accounts' },
      },
    ])
    expect(JSON.stringify(events)).not.toContain(token.slice(5))
  })

  test('when there is none of this id, that is said', async () => {
    expect((await revoke('x'.repeat(22))).json()).toMatchObject({ code: 'token_unknown', status: 404 })
  })

  test('also one that the server made itself; the revoking is in the log of who did it', async () => {
    const token = await ownToken(world, ['accounts'])
    const { tokens } = (await request(app, listTokens, { secret: root, query: { limit: 200 } })).json()
    const { id } = tokens.find((entry: { created_by: string | null }) => entry.created_by === null)
    expect((await revoke(id)).json()).toMatchObject({ name: 'hufud', changed: true })
    const events = await world.services.domain.store.read.events.list(
      (await world.services.domain.store.read.accounts.findByUsernameKey('root'))?.id ?? '',
      50,
      undefined,
    )
    expect(events.some(({ action, details }) => action === 'token.revoke' && details.includes(id))).toBe(true)
    expect(token).toMatch(/^hufu_/)
  })

  test('with the account of its maker, and does not come back with it', async () => {
    const { token, id } = (await make({ name: 'orphan' }, other)).json()
    expect(await codeWith(token)).toBeUndefined()
    expect((await switchAccount(disableAccount, 'other')).json().changed).toBe(true)
    expect(await codeWith(token)).toBe('service_credential_invalid')
    expect((await entryOf(id)).revoked_at).not.toBeNull()
    expect((await switchAccount(enableAccount, 'other')).json().changed).toBe(true)
    expect(await codeWith(token)).toBe('service_credential_invalid')
  })

  test('when its maker is no admin, or disabled, whatever its own row says', async () => {
    const { domain } = world.services
    const person = await world.join('no.admin')
    await joinAdmin(world, 'gone')
    const gone = await domain.store.read.accounts.findByUsernameKey('gone')
    await switchAccount(disableAccount, 'gone')
    for (const createdBy of [person.account.id, gone?.id ?? '']) {
      const { secret, row } = newToken(domain, { name: 'x', scopes: ['accounts'], lifetime: day, createdBy })
      await domain.store.transaction(queries => queries.serviceTokens.insert(row))
      expect(await codeWith(secret)).toBe('service_credential_invalid')
    }
  })

  test('and cannot disable its maker', async () => {
    const { token } = (await make({ scopes: ['accounts'] })).json()
    const refused = await request(app, disableAccount, { secret: token, params: { username: 'Root' } })
    expect(refused.json()).toMatchObject({ code: 'own_account', status: 409 })
  })
})

test('tokens are listed in pages, the newest first, each once', async () => {
  const fresh = await openServerWorld()
  const server = serve(fresh)
  try {
    const { domain } = fresh.services
    await joinAdmin(fresh, 'root')
    const secret = await sessionSecret(server, 'root')
    const made: { id: string; at: number }[] = []
    await domain.store.transaction(async queries => {
      for (let index = 0; index < 17; index += 1) {
        const { row } = newToken(domain, { name: `n${index}`, scopes: ['audit'], lifetime: day, createdBy: null })
        // Some of one instant.
        const created_at = domain.clock.now() + Math.floor(index / 4)
        await queries.serviceTokens.insert({ ...row, created_at })
        made.push({ id: row.id, at: created_at })
      }
    })
    const ordered = made.sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1)).map(({ id }) => id)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), async limit => {
        const seen: string[] = []
        let before: string | null = ''
        while (before !== null) {
          const query: Record<string, string | number> = before ? { limit, before } : { limit }
          const page = (await request(server, listTokens, { secret, query })).json()
          expect(page.tokens.length).toBeLessThanOrEqual(limit)
          seen.push(...page.tokens.map(({ id }: { id: string }) => id))
          before = page.next
        }
        expect(seen).toEqual(ordered)
      }),
      { numRuns: 15 },
    )
    expect((await request(server, listTokens, { secret, query: { before: 'x' } })).json().code).toBe('invalid_request')
  } finally {
    await server.close()
    await fresh.close()
  }
})
