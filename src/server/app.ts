import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { Config } from './config/config.ts'
import { keepClean } from './domain/cleaning/cleaning.ts'
import { createProviderHealth } from './domain/delivery/provider-health.ts'
import { checkProviders, withHealth } from './domain/delivery/providers.ts'
import { createOutbox } from './domain/outbox.ts'
import { createPasswordHashing } from './domain/passwords/password-hashing.ts'
import { type Counters, noCounters } from './domain/ports/counters.ts'
import type { MessageProvider, MessageSender } from './domain/ports/messages.ts'
import type { ReceiptReader } from './domain/ports/receipts.ts'
import type { Store } from './domain/ports/store.ts'
import type { TransferDatabase } from './domain/ports/transfer.ts'
import type { WebAuthorisation } from './domain/ports/web-authorisation.ts'
import type { WeChat } from './domain/ports/wechat.ts'
import { createSecretKeys, type SecretKeys } from './domain/secret-keys.ts'
import { createServices, type Services } from './domain/services.ts'
import { testAttestation } from './domain/webauthn/index.ts'
import { accessTokenStore } from './domain/wechat-access-token.ts'
import type { Metrics } from './metrics/metrics.ts'
import { concreteProviders, openProviders, openReceiptReaders } from './open-providers.ts'
import { createHttpServer } from './routes/http-server.ts'
import { loadSecretKey } from './secret-key-file.ts'
import { migrateDatabase, openStore } from './store/open-store.ts'

export { inspectPostgres, migrateDatabase } from './store/open-store.ts'

/** What an account server runs on beside its configuration. */
export interface Edge {
  readonly clock: Clock
  readonly random: Random
  readonly logger: FastifyBaseLogger
  readonly version: string
  /** Left out: those that the configuration has. */
  readonly senders?: Senders
  /** Left out: nothing is counted. */
  readonly counters?: Counters
  /** Left out: those of the configuration's providers. */
  readonly receiptReaders?: readonly ReceiptReader[]
}

type Senders = Partial<Record<'phone' | 'email', MessageSender>>

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
  if (wechat?.mode !== 'qr') return undefined
  const { openWeChat } = await import('./providers/wechat/official-account.ts')
  const { appId, appSecret, token, encodingAesKey, baseUrl, previousEncodingAesKey, timeout } = wechat
  return openWeChat({
    appId,
    appSecret,
    token,
    encodingAesKey,
    baseUrl,
    openPlatform: wechat.openPlatform,
    ...(previousEncodingAesKey ? { previousEncodingAesKey } : {}),
    timeout,
    accessTokens: accessTokenStore(store, keys, wechat.appId),
    clock,
    random,
  })
}

async function openWeChatWebAuthorisation({ wechat }: Config, { clock }: Edge): Promise<WebAuthorisation | undefined> {
  if (wechat?.mode !== 'oauth') return undefined
  const { openWebAuthorisation } = await import('./providers/wechat/web-authorisation.ts')
  const { appId, appSecret, baseUrl, authorizeUrl, timeout } = wechat
  return openWebAuthorisation({
    appId,
    appSecret,
    baseUrl,
    authorizeUrl,
    clock,
    timeout,
  })
}

/** Who delivers messages: what the edge brings, or the configured providers, whose state is shared by all processes. */
async function openSenders(
  config: Config,
  store: Store,
  { clock, random, logger, counters, senders }: Edge,
): Promise<{ senders: Senders; close(): Promise<void> }> {
  if (senders) return { senders, close: () => closeAll(senders) }
  const health = createProviderHealth({ store, clock, log: logger })
  await health.refresh()
  const observe = (provider: MessageProvider) => withHealth(provider, health, counters)
  const { providers, senders: sendersOf } = await openProviders(config, { clock, random }, concreteProviders, observe)
  const opened = await sendersOf(health)
  const stopping = new AbortController()
  // Nobody waits for it: what does not work is off as soon as its provider has said so.
  const checking = checkProviders(providers, logger, stopping.signal)
  return {
    senders: opened,
    async close() {
      stopping.abort()
      await closeAll(opened)
      await checking
      await health.stop()
    },
  }
}

const closeAll = async (senders: Senders): Promise<void> => {
  await Promise.all(Object.values(senders).map(sender => sender.close()))
}

/** The composition root: with `open-providers`, the one place that names concrete stores and providers. */
export async function openServices(config: Config, edge: Edge): Promise<OpenedServices> {
  const { clock, random, logger, counters = noCounters } = edge
  const keys = createSecretKeys(loadSecretKey(config.secretKey, random), random)
  const store = await openStore(config.database, { random, counters })
  const { senders, close: closeSenders } = await openSenders(config, store, edge)
  const outbox = createOutbox({ store, clock, random, keys, senders, counters, log: logger })
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
    webAuthorisation: await openWeChatWebAuthorisation(config, edge),
    confirmByCode: config.wechat?.confirmByCode ?? false,
    counters,
    receiptReaders: edge.receiptReaders ?? (await openReceiptReaders(config)),
  })
  return {
    services,
    async close() {
      await outbox.stop()
      await closeSenders()
      await store.close()
    },
  }
}

/** Figures for operators: what makes them is loaded only where they are asked for. */
async function openMetrics({ metrics: listen }: Config, { clock, logger }: Edge) {
  if (!listen) return undefined
  const [{ createMetrics }, { serveMetrics }] = await Promise.all([
    import('./metrics/metrics.ts'),
    import('./metrics/serve-metrics.ts'),
  ])
  const metrics = createMetrics({ clock })
  return {
    metrics,
    serve: () =>
      serveMetrics(metrics, listen, error =>
        logger.warn({ error: error instanceof Error ? error.message : 'unknown' }, 'figures not read'),
      ),
  }
}

/** The configured database by itself, to be exported. @throws when it is not there */
export const openDatabaseToExport = async ({ database }: Config): Promise<TransferDatabase> =>
  (await import('./store/transfer/open-transfer.ts')).openTransfer(database)

/** The configured database by itself, to be filled; its schema is made where there is none. */
export async function openDatabaseToImport(config: Config, clock: Clock): Promise<TransferDatabase> {
  await migrateDatabase(config.database, { contract: false, clock })
  return openDatabaseToExport(config)
}

/** What this program's databases consist of. */
export const transferSchema = async (): Promise<Pick<TransferDatabase, 'tables' | 'migrations'>> =>
  (await import('./store/transfer/open-transfer.ts')).transferSchema

/** Opens the services and serves them over HTTP. `close` answers what is under way first. */
export async function startServer(config: Config, edge: Edge): Promise<RunningServer> {
  // Before anybody waits for an answer: the first statements take longer than any request may.
  if (config.policy.webauthn.trustedRoots) await testAttestation()
  const figures = await openMetrics(config, edge)
  const opened = await openServices(config, figures ? { ...edge, counters: figures.metrics } : edge)
  const { logger, version } = edge
  const { trustedProxies, host, port } = config
  const app = createHttpServer({ services: opened.services, version, logger, trustedProxies })
  if (figures) countRequests(app, figures.metrics)
  try {
    const { store } = opened.services.domain
    figures?.metrics.watch(store.read)
    if (store.connections) figures?.metrics.watchConnections(store.connections)
    const listener = await figures?.serve()
    const address = await app.listen({ host, port }).catch(async error => {
      await listener?.close()
      throw error
    })
    if (listener) logger.info({ address: listener.address }, 'metrics')
    const stopping = new AbortController()
    const cleaning = keepClean(
      { ...opened.services.domain, log: logger, keepEventsFor: config.keepEventsFor },
      stopping.signal,
    )
    return {
      services: opened.services,
      address,
      async close() {
        stopping.abort()
        await app.close()
        await listener?.close()
        await cleaning
        await opened.close()
      },
    }
  } catch (error) {
    await opened.close()
    throw error
  }
}

function countRequests(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions } = request
    metrics.answered({ method, route: routeOptions.url, status: reply.statusCode, milliseconds: reply.elapsedTime })
    done()
  })
}
