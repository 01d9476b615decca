import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock } from '../../lib/clock.ts'
import type { Counted, Counters } from '../domain/ports/counters.ts'
import type { ConnectionFigures, FigureQueries, ProviderHealthQueries, Queries } from '../domain/ports/store.ts'

/** An answered request; nothing of its address but the route's pattern. */
export interface AnsweredRequest {
  readonly method: string
  /** `undefined`: no route fitted. */
  readonly route: string | undefined
  readonly status: number
  readonly milliseconds: number
}

/** Counts for operators, and what they read. */
export interface Metrics extends Counters {
  answered(request: AnsweredRequest): void
  /** From now on the outbox and the state of providers are read from there, at each scrape. */
  watch(read: Pick<Queries, 'figures' | 'providerHealth'>): void
  /** From now on the connections to the database are read by `figures`, at each scrape. */
  watchConnections(figures: () => ConnectionFigures): void
  /** All figures in the text format of Prometheus, 0.0.4. */
  text(): Promise<string>
  readonly contentType: string
}

type CountedLabels = { readonly [Name in keyof Counted]: readonly [help: string, ...labels: (keyof Counted[Name])[]] }

const counted: CountedLabels = {
  pushes_refused: ['Pushes and receipts that were not taken.', 'path', 'reason'],
  deliveries: ['Attempts to deliver a message.', 'channel', 'provider', 'outcome'],
  messages_failed: ['Messages that were given up.', 'channel', 'purpose', 'failure'],
  receipts: ['Receipts that providers pushed.', 'provider', 'receipt'],
  transactions_retried: ['Transactions that were run again.', 'reason'],
  reversals: ['Links that undid a change, or were refused.', 'item', 'outcome'],
  rows_removed: ['Rows that had had their time.', 'kind'],
}

/** Seconds: from a read of the database to a password hash that had to wait. */
const buckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Figures in a registry of their own; those of the process and of node are among them. */
export function createMetrics({ clock }: { readonly clock: Clock }): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const counters = new Map(
    Object.entries(counted).map(([name, [help, ...labelNames]]) => [
      name,
      new Counter({ name: `hufud_${name}_total`, help, labelNames, registers }),
    ]),
  )
  const requests = new Counter({
    name: 'hufud_http_requests_total',
    help: 'Requests that were answered.',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'hufud_http_request_duration_seconds',
    help: 'From the arrival of a request to the end of its answer.',
    labelNames: ['method', 'route'],
    buckets,
    registers,
  })
  const readings: (() => Promise<void>)[] = []
  return {
    count: (name, labels, by = 1) => counters.get(name)?.inc({ ...labels }, by),
    answered({ method, route = 'none', status, milliseconds }) {
      requests.inc({ method, route, status })
      durations.observe({ method, route }, milliseconds / 1000)
    },
    watch({ figures, providerHealth }) {
      readings.push(watchOutbox(figures, clock, registers), watchProviders(providerHealth, clock, registers))
    },
    watchConnections(figures) {
      readings.push(watchConnections(figures, registers))
    },
    async text() {
      // Before the registry is asked: it asks its figures all at once, and two of them come of one reading.
      await Promise.all(readings.map(read => read()))
      return registry.metrics()
    },
    contentType: registry.contentType,
  }
}

/** @returns reads the figures anew */
function watchOutbox(figures: FigureQueries, clock: Clock, registers: Registry[]): () => Promise<void> {
  const labelNames = ['channel']
  const queued = new Gauge({
    name: 'hufud_outbox_queued',
    help: 'Messages that wait to be sent.',
    labelNames,
    registers,
  })
  const oldest = new Gauge({
    name: 'hufud_outbox_oldest_seconds',
    help: 'How long the oldest of the messages that wait has waited; 0 where none does.',
    labelNames,
    registers,
  })
  return async () => {
    const waiting = new Map((await figures.backlog()).map(row => [row.channel, row]))
    for (const channel of ['email', 'phone']) {
      const row = waiting.get(channel)
      queued.set({ channel }, row?.queued ?? 0)
      oldest.set({ channel }, row ? Math.max(0, clock.now() - row.oldest_created_at) / 1000 : 0)
    }
  }
}

/** @returns reads the figures anew */
function watchProviders(
  health: Pick<ProviderHealthQueries, 'list'>,
  clock: Clock,
  registers: Registry[],
): () => Promise<void> {
  const labelNames = ['provider']
  const off = new Gauge({
    name: 'hufud_provider_off',
    help: '1 while a provider that fails is left out.',
    labelNames,
    registers,
  })
  const failures = new Gauge({
    name: 'hufud_provider_failures',
    help: 'Failures of a provider in a row, where it has failed.',
    labelNames,
    registers,
  })
  return async () => {
    for (const { provider, failures: inARow, retry_at } of await health.list()) {
      off.set({ provider }, retry_at > clock.now() ? 1 : 0)
      failures.set({ provider }, inARow)
    }
  }
}

/** @returns reads the figures anew */
function watchConnections(figures: () => ConnectionFigures, registers: Registry[]): () => Promise<void> {
  const connections = new Gauge({
    name: 'hufud_database_connections',
    help: 'Connections to the database: in use, and idle.',
    labelNames: ['state'],
    registers,
  })
  const waiting = new Gauge({
    name: 'hufud_database_waiting',
    help: 'Statements and transactions that wait for a connection to the database.',
    registers,
  })
  return async () => {
    const now = figures()
    connections.set({ state: 'in_use' }, now.inUse)
    connections.set({ state: 'idle' }, now.open - now.inUse)
    waiting.set(now.waiting)
  }
}
