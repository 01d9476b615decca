import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { toBase64url } from '../../src/lib/base64url.ts'
import { systemRandom } from '../../src/lib/random.ts'
import type { Member, Policy } from '../../src/server/domain/domain.ts'
import { hashSecret, newId, newSecret } from '../../src/server/domain/secret-keys.ts'
import { createHttpServer } from '../../src/server/routes/http-server.ts'
import { wechatCallbackPath } from '../../src/server/routes/wechat-callback.ts'
import type { WeChatCredentials } from '../../src/simulators/wechat/credentials.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../src/simulators/wechat/simulator.ts'
import { caller, openServerWorld, type ServerWorld, wechatConfig } from './server-world.ts'

/** The services of hufud, its WeChat callback on a real port, and WeChat, under one clock. */
export interface WeChatWorld extends ServerWorld {
  readonly wechat: WeChatSimulator
  readonly callbackUrl: string
  /** What the callback's server has logged. */
  readonly callbackLog: string[]
  /** An account with an address and a session, made without its password being hashed. */
  joinQuickly(username: string): Promise<Member>
  /** A proof for binding WeChat, as its step-up would have given. */
  proveQuickly(member: Member): Promise<string>
  beginBinding(member: Member): Promise<{ binding_id: string; qr: { payload: string }; confirm: string }>
}

export async function openWeChatWorld(
  options: {
    confirmByCode?: boolean
    openPlatform?: boolean
    /** What hufud knows; WeChat has the simulator's own. */
    keys?: (credentials: WeChatCredentials) => { encodingAesKey: string; previousEncodingAesKey: string | undefined }
    policy?: Partial<Policy>
    /** Milliseconds that WeChat waits for an answer to a push. */
    answerTimeout?: number
  } = {},
): Promise<WeChatWorld> {
  let world: ServerWorld | undefined
  const start = Date.UTC(2026, 10, 22, 13, 5)
  const clock = { now: () => world?.clock.now() ?? start, sleep: async () => {} }
  const { openPlatform = false, confirmByCode = false, policy = {}, answerTimeout = 5000 } = options
  const wechat = await startWeChatSimulator({ clock, random: systemRandom, openPlatform, answerTimeout })
  const { credentials, baseUrl } = wechat
  const config = {
    ...wechatConfig(credentials, baseUrl),
    openPlatform,
    confirmByCode,
    ...options.keys?.(credentials),
  }
  const opened = await openServerWorld({ wechat: config, policy })
  world = opened
  const callbackLog: string[] = []
  const logger = pino({ level: 'trace' }, { write: line => void callbackLog.push(line) })
  const server = createHttpServer({ services: opened.services, version: 'test', logger, trustedProxies: [] })
  await server.listen({ host: '127.0.0.1', port: 0 })
  const callbackUrl = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}${wechatCallbackPath}`
  wechat.setCallbackUrl(callbackUrl)
  const { store, random } = opened.services.domain

  const made: WeChatWorld = {
    ...opened,
    wechat,
    callbackUrl,
    callbackLog,

    async joinQuickly(username) {
      const now = clock.now()
      const account = {
        id: newId(random),
        username,
        username_key: username,
        password_hash: null,
        password_set_at: null,
        password_used_at: null,
        phone_number: null,
        phone_bound_at: null,
        phone_used_at: null,
        email_address: `${username}@example.com`,
        email_key: `${username}@example.com`,
        email_bound_at: now,
        email_used_at: null,
        user_handle: random.bytes(32),
        locale: 'en',
        role: 'person',
        disabled_at: null,
        created_at: now,
      }
      const session = {
        id: newId(random),
        account_id: account.id,
        secret_hash: hashSecret(newSecret(random)),
        created_at: now,
        last_used_at: now,
        expires_at: now + 24 * 60 * 60_000,
        revoked_at: null,
        source: '192.0.2.77',
        client: 'test',
        methods: 'email',
        enrolment_link_id: null,
      }
      await store.transaction(async queries => {
        await queries.accounts.insert(account)
        await queries.sessions.insert(session)
      })
      return { ...caller, account, session }
    },

    async proveQuickly(member) {
      const now = clock.now()
      const proof = toBase64url(random.bytes(32))
      const challenge = {
        id: newId(random),
        account_id: member.account.id,
        session_id: member.session.id,
        operation: 'wechat.bind',
        value_hash: null,
        webauthn_challenge: null,
        created_at: now,
        expires_at: now + 600_000,
        method: 'email',
        proof_hash: hashSecret(proof),
        proof_expires_at: now + 300_000,
        used_at: null,
      }
      await store.transaction(queries => queries.challenges.insert(challenge))
      return proof
    },

    beginBinding: async member => opened.services.wechatBindings.begin(member, await made.proveQuickly(member)),

    async close() {
      await server.close()
      await opened.close()
      await wechat.close()
    },
  }
  return made
}
