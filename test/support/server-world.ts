import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import { generateSync } from 'otplib'
import { pino } from 'pino'
import type { VerificationAnswer } from '../../src/contract/logins.ts'
import type { StepUpOperation } from '../../src/contract/schemas.ts'
import { openServices } from '../../src/server/app.ts'
import type { Config, WeChatConfig } from '../../src/server/config/config.ts'
import { loadConfig } from '../../src/server/config/load-config.ts'
import type { Caller, Member, Policy } from '../../src/server/domain/domain.ts'
import type { Counters } from '../../src/server/domain/ports/counters.ts'
import { DeliveryError } from '../../src/server/domain/ports/delivery-error.ts'
import type { MessageSender, OutgoingMessage } from '../../src/server/domain/ports/messages.ts'
import type { ReceiptReader } from '../../src/server/domain/ports/receipts.ts'
import { Refusal } from '../../src/server/domain/refusal.ts'
import type { Services } from '../../src/server/domain/services.ts'
import { databaseEnvironment, dropTestDatabase, testDatabase } from './database.ts'
import { seededRandom } from './seeded-random.ts'
import { SteppedClock } from './stepped-clock.ts'
import { until } from './until.ts'

export const caller: Caller = { source: '192.0.2.1', client: 'test', locale: 'en' }
export const password = 'correct horse battery'

/** The services of hufud on a real database in a temporary folder, under a clock that stands still. */
export interface ServerWorld {
  readonly services: Services
  readonly clock: SteppedClock
  readonly folder: string
  /** The URL of its database. */
  readonly database: string
  readonly sent: OutgoingMessage[]
  readonly logged: string[]
  /** Makes the next messages fail. */
  failSending(times: number): void
  /** The newest code that was sent to an address or number. */
  codeFor(to: string): Promise<string>
  /** An account with a password and an email address, logged in. */
  join(username: string): Promise<Member>
  logIn(username: string, withPassword?: string): Promise<Member>
  /** The account as it is now. */
  again(member: Member): Promise<Member>
  prove(
    member: Member,
    operation: StepUpOperation,
    options?: { value?: string; answer?: VerificationAnswer },
  ): Promise<string>
  bindPhone(member: Member, phoneNumber: string): Promise<void>
  bindTotp(member: Member): Promise<string>
  totpCode(secret: string, steps?: number): string
  close(): Promise<void>
}

const byPassword: VerificationAnswer = { method: 'password', password }

/** A configuration for WeChat's simulator. */
export const wechatConfig = (
  credentials: Pick<WeChatConfig, 'appId' | 'appSecret' | 'token' | 'encodingAesKey'>,
  baseUrl: string,
): WeChatConfig => ({
  ...credentials,
  mode: 'qr',
  previousEncodingAesKey: undefined,
  confirmByCode: false,
  timeout: 5000,
  openPlatform: false,
  baseUrl,
  authorizeUrl: baseUrl,
})

const lanes = (['phone', 'email'] as const).flatMap(channel =>
  (['code', 'notice'] as const).map(kind => ({ channel, kind })),
)

/** Whether there is a message that is neither sent nor given up. */
export async function hasQueued({ domain }: Pick<Services, 'domain'>): Promise<boolean> {
  const due = await Promise.all(lanes.map(lane => domain.store.read.outbox.nextDueAt(lane)))
  return due.some(at => at !== undefined)
}

let worlds = 0

export async function openServerWorld(
  options: {
    policy?: Partial<Policy>
    wechat?: Config['wechat']
    channels?: ('phone' | 'email')[]
    /** Instead of those that keep what was sent in `sent`. */
    senders?: Partial<Record<'phone' | 'email', MessageSender>>
    /** Whom the senders reach; left out: everybody. */
    reach?: MessageSender['reach']
    receiptReaders?: readonly ReceiptReader[]
    counters?: Counters
  } = {},
): Promise<ServerWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'hufud-test-'))
  const clock = new SteppedClock()
  const sent: OutgoingMessage[] = []
  const logged: string[] = []
  let failures = 0
  const sender: MessageSender = {
    reach: options.reach ?? (() => 'available'),
    async send(message) {
      if (failures-- > 0) throw new DeliveryError('unreachable', 'mailbox', 'hangs up')
      sent.push(message)
      return { provider: 'mailbox', providerMessageId: null }
    },
    async close() {},
  }
  const database = await testDatabase(folder)
  const base = loadConfig({ database }, { HOME: folder, ...databaseEnvironment })
  const config: Config = { ...base, policy: { ...base.policy, ...options.policy }, wechat: options.wechat }
  const channels = options.channels ?? ['phone', 'email']
  const logger: FastifyBaseLogger = pino({ level: 'trace', base: null }, { write: line => void logged.push(line) })
  const { services, close } = await openServices(config, {
    clock,
    random: seededRandom(`world ${++worlds}`),
    logger,
    version: 'test',
    senders: { ...Object.fromEntries(channels.map(channel => [channel, sender])), ...options.senders },
    ...(options.receiptReaders ? { receiptReaders: options.receiptReaders } : {}),
    ...(options.counters ? { counters: options.counters } : {}),
  })

  const logIn = async (username: string, withPassword = password): Promise<Member> => {
    const { login_id } = await services.logins.begin(username, caller)
    const answer = { method: 'password', password: withPassword } as const
    const outcome = await services.logins.finishVerification(login_id, answer, caller)
    if (outcome.state !== 'complete') throw new Error('a second factor is asked for')
    return services.sessions.authenticate(outcome.session_secret, caller)
  }
  const again = async (member: Member): Promise<Member> => {
    const account = await services.domain.store.read.accounts.find(member.account.id)
    if (!account) throw new Error('the account is gone')
    return { ...member, account }
  }
  const totpCode = (secret: string, steps = 0) =>
    generateSync({ secret, epoch: Math.floor(clock.now() / 1000) + 30 * steps })

  const world: ServerWorld = {
    services,
    clock,
    folder,
    database,
    sent,
    logged,
    failSending: times => {
      failures = times
    },
    codeFor: to =>
      until(`a code for ${to}`, async () => {
        if (await hasQueued(services)) return undefined
        return sent.findLast(message => message.to === to && message.code !== null)?.code ?? undefined
      }),
    async join(username) {
      const link = await services.accounts.create(
        { username, emailAddress: `${username}@example.com` },
        { source: 'test' },
      )
      await services.credentials.redeemEnrolmentLink(caller, link.link_secret, password)
      return logIn(username)
    },
    logIn,
    again,
    async prove(member, operation, { value, answer = byPassword } = {}) {
      const challenge = await services.stepUps.createChallenge(member, operation, value)
      return (await services.stepUps.finishVerification(member, challenge.challenge_id, answer)).proof
    },
    async bindPhone(member, phoneNumber) {
      const proof = await world.prove(member, 'phone.bind')
      const { binding_id } = await services.contactBindings.begin(member, proof, 'phone', phoneNumber)
      const binding = await services.domain.store.read.bindings.find(binding_id)
      if (!binding) throw new Error('no binding')
      await services.contactBindings.finish(member, { ...binding, item: 'phone' }, await world.codeFor(phoneNumber))
    },
    async bindTotp(member) {
      const { binding_id, secret } = await services.totpBindings.begin(member, await world.prove(member, 'totp.bind'))
      const binding = await services.domain.store.read.bindings.find(binding_id)
      if (!binding) throw new Error('no binding')
      await services.totpBindings.finish(member, binding, totpCode(secret))
      return secret
    },
    totpCode,
    async close() {
      await close()
      await dropTestDatabase(database)
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return world
}

/** The code of the refusal that `work` ends in; `done` when it does not. */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}
