import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createOwnToken } from '../../../src/server/domain/admin/authority.ts'
import { createHttpServer } from '../../../src/server/routes/http-server.ts'
import type { OutboxTable } from '../../../src/server/store/schema.ts'
import { caller, hasQueued, openServerWorld, type ServerWorld } from '../../support/server-world.ts'

const minute = 60_000
let world: ServerWorld
let app: FastifyInstance

beforeEach(async () => {
  world = await openServerWorld()
  app = createHttpServer({
    services: world.services,
    version: '1',
    logger: pino({ level: 'silent' }),
    trustedProxies: [],
  })
})
afterEach(async () => {
  await app.close()
  await world.close()
})

const quiet = () => expect.poll(() => hasQueued(world.services)).toBe(false)
const read = async (id: string) => {
  const answer = await app.inject(`/v1/messages/${id}`)
  return answer.statusCode === 200 ? answer.json() : answer.json().code
}

let rows = 0
/** A row as the outbox, or a receipt, has left it. */
async function put(row: Partial<OutboxTable>): Promise<string> {
  const now = world.clock.now()
  const id = String(++rows).padStart(22, 'x')
  const whole: OutboxTable = {
    id,
    channel: 'email',
    purpose: 'bind',
    account_id: null,
    decoy: 0,
    sealed_message: new Uint8Array(0),
    created_at: now,
    not_after: now + 10 * minute,
    attempts: 1,
    next_attempt_at: now + 60 * minute,
    sent_at: null,
    failed_at: null,
    claim_id: null,
    lapsed: 0,
    provider: null,
    provider_message_id: null,
    failure: null,
    receipt: null,
    receipt_at: null,
    ...row,
  }
  await world.services.domain.store.transaction(queries => queries.outbox.insert(whole))
  return id
}

describe('what became of a message', () => {
  test.each([
    ['waits', {}, 'queued', null],
    ['waits after a failure', { failure: 'unreachable' }, 'queued', null],
    ['was sent', { sent_at: 1 }, 'sent', null],
    ['may have been sent', { sent_at: 1, failure: 'uncertain' }, 'sent', null],
    ['arrived', { sent_at: 1, receipt: 'delivered' }, 'delivered', null],
    ['was settled by its receipt', { sent_at: 1, failure: 'uncertain', receipt: 'delivered' }, 'delivered', null],
    ['was sent and did not arrive', { sent_at: 1, receipt: 'undelivered' }, 'failed', 'refused'],
    ['was given up', { failed_at: 1, failure: 'throttled' }, 'failed', 'throttled'],
    ['was left by everybody', { not_after: 1 }, 'failed', 'expired'],
    ['was left by everybody after a failure', { not_after: 1, failure: 'unreachable' }, 'failed', 'unreachable'],
  ])('that %s', async (_what, row, state, failure) => {
    expect(await read(await put(row))).toEqual({ state, failure })
  })

  test('is told to whoever knows its id, and to nobody else', async () => {
    expect(await read('y'.repeat(22))).toBe('not_found')
    expect(await read('short')).toBe('invalid_request')
  })

  test('is told from the answer that sent it on, through the flow', async () => {
    const member = await world.join('flow')
    const proof = await world.prove(member, 'phone.bind')
    const { code } = await world.services.contactBindings.begin(member, proof, 'phone', '+8613800138000')
    await quiet()
    expect(await read(code.message_id)).toEqual({ state: 'sent', failure: null })
  })
})

describe('at a login', () => {
  async function begin(username: string, method: 'email' | 'phone' = 'email'): Promise<string> {
    const { login_id } = await world.services.logins.begin(username, caller)
    const begun = await world.services.logins.beginVerification(login_id, method, caller)
    if (begun.method === 'webauthn') throw new Error('no code')
    return begun.code.message_id
  }

  test('a message to somebody, one that fails, and one to nobody tell the same at every moment', async () => {
    await world.join('known')
    world.failSending(100)
    const ids = [await begin('known'), await begin('unknown'), await begin('known', 'phone')]
    const said = async () => [...new Set((await Promise.all(ids.map(read))).map(answer => JSON.stringify(answer)))]
    expect(await said()).toEqual(['{"state":"sent","failure":null}'])
    await expect.poll(() => world.logged.join()).toContain('message not sent')
    expect(await said()).toEqual(['{"state":"sent","failure":null}'])
    world.clock.advance(10 * minute)
    expect(await said()).toEqual(['{"state":"failed","failure":null}'])
    await quiet()
    expect(await said()).toEqual(['{"state":"failed","failure":null}'])
  })

  test.each([
    { failed_at: 1, failure: 'refused' },
    { sent_at: 1, receipt: 'undelivered' },
    { sent_at: 1, receipt: 'delivered' },
    { decoy: 1 },
  ])('%o tells no more than that the channel works', async row => {
    expect(await read(await put({ purpose: 'login', ...row }))).toEqual({ state: 'sent', failure: null })
  })

  test('a message by a channel that is off has failed, whoever it is for', async () => {
    const mute = await openServerWorld({ channels: ['phone'] })
    try {
      const { domain } = mute.services
      const add = (purpose: 'login' | 'bind') =>
        domain.store.transaction(queries =>
          domain.outbox.add(queries, undefined, {
            channel: 'email',
            purpose,
            accountId: null,
            notAfter: domain.clock.now() + minute,
          }),
        )
      const { readMessage } = await import('../../../src/server/domain/delivery/message-status.ts')
      expect(await readMessage(domain, await add('login'))).toEqual({ state: 'failed', failure: null })
      expect(await readMessage(domain, await add('bind'))).toEqual({ state: 'queued', failure: null })
    } finally {
      await mute.close()
    }
  })
})

describe('the list', () => {
  const list = async (query = '', scopes = ['messages']) => {
    const credential = await createOwnToken(world.services.domain, scopes, minute)
    return app.inject({ url: `/v1/admin/messages${query}`, headers: { authorization: `Bearer ${credential}` } })
  }

  test('is for a service with the scope of its own', async () => {
    expect((await app.inject('/v1/admin/messages')).statusCode).toBe(401)
    expect((await list('', ['accounts'])).json().code).toBe('service_scope_missing')
    expect((await list()).json()).toEqual({ messages: [], next: null, providers: [] })
  })

  test('says whose message it was and what became of it, and never what it said or where it went', async () => {
    const member = await world.join('owner')
    await world.bindPhone(member, '+8613800138000')
    await quiet()
    const answer = await list()
    expect(answer.body).not.toMatch(/13800138000|owner@|text|\d{6}"/)
    const { messages } = answer.json()
    expect(messages.map((message: { purpose: string; channel: string }) => [message.purpose, message.channel])).toEqual(
      expect.arrayContaining([
        ['bind', 'phone'],
        ['notice', 'email'],
        ['notice', 'phone'],
      ]),
    )
    for (const message of messages) {
      expect(message).toMatchObject({ username: 'owner', state: 'sent', provider: 'mailbox', attempts: 1 })
    }
  })

  test('comes in pages, the newest first, each message once, also of one instant; decoys are none', async () => {
    const ids: string[] = []
    for (let index = 0; index < 12; index += 1) {
      ids.unshift(await put({}))
      await put({ decoy: 1 })
      if (index % 4 === 3) world.clock.advance(1)
    }
    const seen: string[] = []
    let next: string | null = ''
    while (next !== null) {
      const page: { messages: { id: string }[]; next: string | null } = (
        await list(`?limit=5${next && `&before=${next}`}`)
      ).json()
      expect(page.messages.length).toBeLessThanOrEqual(5)
      seen.push(...page.messages.map(({ id }) => id))
      next = page.next
    }
    expect(seen).toEqual(ids)
  })

  test.each(['x', '12', '-a', '12-!', `${'9'.repeat(16)}-a`])('a cursor %s is refused', async before => {
    expect((await list(`?before=${encodeURIComponent(before)}`)).json().code).toBe('invalid_request')
  })

  test('can be narrowed to a state', async () => {
    const waiting = await put({ failure: 'unreachable' })
    const sent = await put({ sent_at: 1, failure: 'uncertain' })
    const delivered = await put({ sent_at: 1, receipt: 'delivered' })
    const failed = await put({ failed_at: 1, failure: 'refused' })
    const undelivered = await put({ sent_at: 1, receipt: 'undelivered' })
    const inState = async (state: string) =>
      (await list(`?state=${state}`))
        .json()
        .messages.map(({ id, failure }: { id: string; failure: string | null }) => [id, failure])
    expect(await inState('queued')).toEqual([[waiting, 'unreachable']])
    expect(await inState('sent')).toEqual([[sent, 'uncertain']])
    expect(await inState('delivered')).toEqual([[delivered, null]])
    expect(await inState('failed')).toEqual([
      [undelivered, 'refused'],
      [failed, 'refused'],
    ])
    expect((await list('?state=lost')).json().code).toBe('invalid_request')
  })

  test('names the providers that are left out, and until when', async () => {
    const now = world.clock.now()
    const iso = (time: number) => new Date(time).toISOString()
    const about = { failures: 2, since: now - minute }
    await world.services.domain.store.transaction(async queries => {
      const { put: putHealth } = queries.providerHealth
      await putHealth({ provider: 'smtp', failure: 'misconfigured', retry_at: now + minute, ...about })
      await putHealth({ provider: 'twilio', failure: 'unreachable', retry_at: now, ...about })
      await putHealth({ provider: 'aliyun', failure: null, retry_at: 0, failures: 0, since: now })
    })
    const common = { failures: 2, since: iso(now - minute) }
    expect((await list()).json().providers).toEqual([
      { provider: 'smtp', failure: 'misconfigured', retry_at: iso(now + minute), ...common },
      { provider: 'twilio', failure: 'unreachable', retry_at: null, ...common },
    ])
  })
})
