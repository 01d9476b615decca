import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { Config } from './config/config.ts'
import { createOutbox } from './domain/outbox.ts'
import { createPasswordHashing } from './domain/passwords/password-hashing.ts'
import { type Counters, noCounters } from './domain/ports/counters.ts'
import type { MessageSender } from './domain/ports/messages.ts'
import type { Store } from './domain/ports/store.ts'
import type { WeChat } from './domain/ports/wechat.ts'
import { createSecretKeys, type SecretKeys } from './domain/secret-keys.ts'
import { createServices, type Services } from './domain/services.ts'
import { testAttestation } from './domain/webauthn/index.ts'
import { accessTokenStore } from './domain/wechat-access-token.ts'
import { createHttpServer } from './routes/http-server.ts'
import { loadSecretKey } from './secret-key-file.ts'
import { openSqliteStore } from './store/open-store.ts'

/** What an account server runs on beside its configuration. */
export interface Edge {
  readonly clock: Clock
  readonly random: Random
  readonly logger: FastifyBaseLogger
  readonly version: string
  readonly senders: Partial<Record<'phone' | 'email', MessageSender>>
  /** Left out: nothing is counted. */
  readonly counters?: Counters
}

/** The services over an open database, without HTTP: what `hufud bootstrap` needs. */
export interface OpenedServices {
  readonly services: Services
  close(): Promise<void>
}

/** A server that listens. */
export interface RunningServer extends OpenedServices {
  /** Where it listens, `http://HOST:PORT`. */
  readonly address: string
}

async function openWeChatAccount(
  { wechat }: Config,
  store: Store,
  keys: SecretKeys,
  { clock, random }: Edge,
): Promise<WeChat | undefined> {
  if (!wechat) return undefined
  const { openWeChat } = await import('./providers/wechat/official-account.ts')
  const { appId, appSecret, token, encodingAesKey, baseUrl, previousEncodingAesKey } = wechat
  return openWeChat({
    appId,
    appSecret,
    token,
    encodingAesKey,
    baseUrl,
    confirmByCode: wechat.confirmByCode,
    openPlatform: wechat.openPlatform,
    ...(previousEncodingAesKey ? { previousEncodingAesKey } : {}),
    accessTokens: accessTokenStore(store, keys, wechat.appId),
    clock,
    random,
  })
}

/** The composition root: the one place that names concrete stores and providers. */
export async function openServices(config: Config, edge: Edge): Promise<OpenedServices> {
  const { clock, random, logger, senders, counters = noCounters } = edge
  const keys = createSecretKeys(loadSecretKey(config.secretKey, random), random)
  const store = await openSqliteStore(config.databasePath)
  const outbox = createOutbox({
    store,
    clock,
    random,
    keys,
    senders,
    onFailure: (messageId, error) =>
      logger.warn({ messageId, error: error instanceof Error ? error.message : 'unknown' }, 'message not sent'),
  })
  const services = createServices({
    store,
    clock,
    random,
    keys,
    outbox,
    hashing: createPasswordHashing({
      concurrency: config.hashConcurrency,
      queueLength: config.hashQueue,
    }),
    policy: config.policy,
    wechat: await openWeChatAccount(config, store, keys, edge),
    counters,
  })
  return {
    services,
    async close() {
      await outbox.stop()
      await store.close()
    },
  }
}

const cleaningInterval = 60_000
const keepExpiredFor = 24 * 60 * 60_000
const cleaningBatch = 500

/** Removes expired rows, a bounded number at a time, until `signal` aborts. */
async function keepClean({ domain: { store, clock } }: Services, signal: AbortSignal, logger: FastifyBaseLogger) {
  while (!signal.aborted) {
    await clock.sleep(cleaningInterval, signal).catch(() => {})
    if (signal.aborted) return
    await store
      .transaction(queries => queries.settings.removeExpired(clock.now() - keepExpiredFor, cleaningBatch))
      .catch(error => logger.warn({ error: error instanceof Error ? error.message : 'unknown' }, 'cleaning failed'))
  }
}

/** Opens the services and serves them over HTTP. `close` answers what is under way first. */
export async function startServer(config: Config, edge: Edge): Promise<RunningServer> {
  // Before anybody waits for an answer: the first statements take longer than any request may.
  if (config.policy.webauthn.trustedRoots) await testAttestation()
  const opened = await openServices(config, edge)
  const { logger, version } = edge
  const { trustedProxies, host, port } = config
  const app = createHttpServer({ services: opened.services, version, logger, trustedProxies })
  try {
    const address = await app.listen({ host, port })
    const stopping = new AbortController()
    const cleaning = keepClean(opened.services, stopping.signal, logger)
    return {
      services: opened.services,
      address,
      async close() {
        stopping.abort()
        await app.close()
        await cleaning
        await opened.close()
      },
    }
  } catch (error) {
    await opened.close()
    throw error
  }
}
