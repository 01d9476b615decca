// A hufud whose mode of WeChat is web authorisation, on HTTP, with WeChat's simulator beside it; and before each test
// a new member who has begun to bind WeChat. What is exported changes with each test.

import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { systemRandom } from '../../src/lib/random.ts'
import type { Member } from '../../src/server/domain/domain.ts'
import { freePort } from '../../src/server/free-port.ts'
import { createHttpServer } from '../../src/server/routes/http-server.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../src/simulators/wechat/simulator.ts'
import { askDatabase } from './ask-database.ts'
import { openServerWorld, type ServerWorld, wechatConfig } from './server-world.ts'
import { SteppedClock } from './stepped-clock.ts'

export const minute = 60_000

export let world: ServerWorld
export let wechat: WeChatSimulator
export const wechatClock = new SteppedClock()
export let app: FastifyInstance
export let origin: string
/** What the HTTP server logged in this test. */
export const logged: string[] = []
export let members = 0
export let member: Member
export let binding: { binding_id: string; confirm: string; qr: { payload: string; expires_at: string } }

/** Opens it for the tests of a file. */
export function useAuthorisationWorld({ confirmByCode = false } = {}): void {
  beforeAll(async () => {
    wechat = await startWeChatSimulator({ clock: wechatClock, random: systemRandom })
    const port = await freePort()
    origin = `http://localhost:${port}`
    wechat.authorisation.setDomain(`localhost:${port}`)
    world = await openServerWorld({
      wechat: { ...wechatConfig(wechat.credentials, wechat.baseUrl), mode: 'oauth', confirmByCode },
      policy: { origins: [origin], serviceName: '<b>Acme</b>&"' },
    })
    const logger = pino({ level: 'info' }, { write: line => void logged.push(line) })
    app = createHttpServer({ services: world.services, version: '9.9.9', logger, trustedProxies: [] })
    await app.listen({ host: 'localhost', port })
  })
  afterAll(async () => {
    await app.close()
    await world.close()
    await wechat.close()
  })
  beforeEach(async () => {
    logged.length = 0
    members += 1
    member = await world.join(`person${members}`)
    binding = await begin(member)
  })
}

export const begin = async (who: Member) =>
  world.services.wechatBindings.begin(who, await world.prove(who, 'wechat.bind'))

/** Changes the database beside hufud. */
export async function alter(statement: string, ...values: (string | number)[]): Promise<void> {
  await askDatabase(world.database, statement, ...values)
}

/** Has `who` begin to bind WeChat: `binding` is this one from now on. */
export async function beginAnew(who: Member): Promise<void> {
  binding = await begin(who)
}

export const stateOf = (who = member, { binding_id } = binding) => world.services.wechatBindings.read(who, binding_id)
export const identityOf = (who = member) => world.services.domain.store.read.authenticators.findWeChat(who.account.id)
export const eventsOf = async (who = member) =>
  (await world.services.domain.store.read.events.list(who.account.id, 50, undefined)).map(({ action }) => action)

/** Each member has people around them whose WeChat nobody else has. */
export const person = (name = 'alice') => ({
  openid: `openid-of-${name}-${members}`,
  unionid: `unionid-of-${name}-${members}`,
})

/** As far as WeChat with a form alone: the way back is not walked. Returns what WeChat would send the person to. */
export async function agreed(headers: Record<string, string> = {}) {
  const answer = await post(binding.qr.payload, 'answer=agree', headers)
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? ''
  const address = answer.headers.get('location') ?? ''
  const state = new URL(address || 'http://nowhere').searchParams.get('state') ?? ''
  return { answer, cookie, address, state }
}

/** The code that WeChat gives `who` at this address of its own. */
export async function codeFor(address: string, who: { openid: string }): Promise<string> {
  const cookie = `wechat_person=${Buffer.from(JSON.stringify(who)).toString('base64url')}`
  const asked = await fetch(address, { redirect: 'manual', headers: { cookie } })
  return new URL(asked.headers.get('location') ?? 'http://nowhere').searchParams.get('code') ?? ''
}

/** Sends a form as a page of ours would, unless `headers` say otherwise. */
export const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    redirect: 'manual',
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin, 'accept-language': 'en', ...headers },
  })

/** Comes back from WeChat. */
export const come = (query: string, cookie: string) =>
  fetch(`${origin}/wechat/authorised?${query}`, { headers: { cookie, 'accept-language': 'en' } })

export const titleOf = (html: string) => /<h1>(.*)<\/h1>/.exec(html)?.[1] ?? ''
