import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { type RunningServer, startServer } from '../../../src/server/app.ts'
import { loadConfig } from '../../../src/server/config/load-config.ts'
import { DeliveryError } from '../../../src/server/domain/ports/delivery-error.ts'
import type { MessageSender } from '../../../src/server/domain/ports/messages.ts'
import { freePort } from '../../../src/server/free-port.ts'
import { createMetrics } from '../../../src/server/metrics/metrics.ts'
import { type MetricsListener, serveMetrics } from '../../../src/server/metrics/serve-metrics.ts'
import { databaseEnvironment, testDatabase } from '../../support/database.ts'
import { SteppedClock } from '../../support/stepped-clock.ts'
import { until } from '../../support/until.ts'

const unreachable: MessageSender = {
  reach: () => 'available',
  send: () => Promise.reject(new DeliveryError('unreachable', 'smtp', 'nobody there')),
  close: async () => {},
}

/** The value of a figure, `name{labels}`. */
async function figure(url: string, name: string): Promise<number | undefined> {
  const text = await (await fetch(url)).text()
  const line = text.split('\n').find(each => each.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.split(' ').at(-1))
}

describe('a server with metrics.listen', () => {
  let server: RunningServer
  let folder: string
  let url: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hufud-metrics-'))
    const port = await freePort()
    const database = await testDatabase(folder)
    const config = loadConfig({ database, port: 0 }, { HOME: folder, ...databaseEnvironment })
    url = `http://127.0.0.1:${port}/metrics`
    server = await startServer(
      { ...config, metrics: { host: '127.0.0.1', port } },
      {
        clock: systemClock,
        random: systemRandom,
        logger: pino({ level: 'silent' }),
        version: '0',
        senders: { email: unreachable },
      },
    )
  })
  afterAll(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('tells of node, of requests by route, and of nothing else', async () => {
    for (let count = 0; count < 3; count++) await fetch(`${server.address}/livez`)
    await fetch(`${server.address}/zq-secret?zq=secret`)
    const answer = await fetch(url)
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const text = await answer.text()
    expect(text).toContain('hufud_http_requests_total{method="GET",route="/livez",status="200"} 3')
    expect(text).toContain('hufud_http_requests_total{method="GET",route="none",status="404"} 1')
    expect(text).toContain('hufud_http_request_duration_seconds_count{method="GET",route="/livez"} 3')
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m)
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m)
    expect(text).not.toContain('zq')
  })

  test('reads the outbox and the providers at each scrape', async () => {
    const queued = () => figure(url, 'hufud_outbox_queued{channel="email"}')
    expect(await queued()).toBe(0)
    const { outbox, store, counters } = server.services.domain
    const notAfter = systemClock.now() + 60_000
    await store.transaction(async queries => {
      const message = {
        channel: 'email',
        to: 'zq@example.org',
        locale: 'en',
        subject: 's',
        text: 't',
        code: null,
        link: null,
        notice: null,
      } as const
      const about = { channel: 'email', purpose: 'bind', accountId: null, notAfter } as const
      await outbox.add(queries, message, about)
      await outbox.add(queries, undefined, about)
    })
    expect(await queued()).toBe(1)
    await until('the message has waited', async () => {
      const seconds = await figure(url, 'hufud_outbox_oldest_seconds{channel="email"}')
      return seconds !== undefined && seconds > 0 ? seconds : undefined
    })
    counters.count('deliveries', { channel: 'email', provider: 'smtp', outcome: 'unreachable' })
    const name = 'hufud_deliveries_total{channel="email",provider="smtp",outcome="unreachable"}'
    expect(await figure(url, name)).toBeGreaterThanOrEqual(1)
  })

  test('answers nothing else there, and no figures on the API', async () => {
    expect((await fetch(url.replace('/metrics', '/v1/account'))).status).toBe(404)
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405)
    expect((await fetch(`${server.address}/metrics`)).status).toBe(404)
  })
})

describe('figures', () => {
  const listeners: MetricsListener[] = []
  afterAll(async () => {
    for (const listener of listeners) await listener.close()
  })

  test('providers that are off, and for how long messages wait, by the clock', async () => {
    const clock = new SteppedClock()
    const metrics = createMetrics({ clock })
    const row = { failure: 'unreachable', since: 0 }
    metrics.watch({
      figures: { backlog: async () => [{ channel: 'phone', queued: 7, oldest_created_at: clock.now() - 90_000 }] },
      providerHealth: {
        list: async () => [
          { ...row, provider: 'aliyun', failures: 5, retry_at: clock.now() + 1 },
          { ...row, provider: 'twilio', failures: 1, retry_at: 0 },
        ],
        find: async () => undefined,
        put: async () => {},
      },
    })
    const text = await metrics.text()
    for (const line of [
      'hufud_outbox_queued{channel="phone"} 7',
      'hufud_outbox_queued{channel="email"} 0',
      'hufud_outbox_oldest_seconds{channel="phone"} 90',
      'hufud_provider_off{provider="aliyun"} 1',
      'hufud_provider_off{provider="twilio"} 0',
      'hufud_provider_failures{provider="aliyun"} 5',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
  })

  test('that can’t be read are answered with 500, and the cause is logged, not told', async () => {
    const metrics = createMetrics({ clock: systemClock })
    const fails = () => Promise.reject(new Error('zq-database'))
    metrics.watch({ figures: { backlog: fails }, providerHealth: { list: fails, find: fails, put: fails } })
    const failures: unknown[] = []
    const listener = await serveMetrics(metrics, { host: '127.0.0.1', port: 0 }, error => failures.push(error))
    listeners.push(listener)
    const answer = await fetch(`${listener.address}/metrics`)
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('zq-')
    expect(failures).toEqual([expect.objectContaining({ message: 'zq-database' })])
  })

  test('a port in use is told', async () => {
    const taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    const address = taken.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const metrics = createMetrics({ clock: systemClock })
    await expect(serveMetrics(metrics, { host: '127.0.0.1', port }, () => {})).rejects.toThrow(/EADDRINUSE/)
    taken.close()
  })
})
