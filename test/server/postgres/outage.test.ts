import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/lib/clock.ts'
import { freePort } from '../../../src/server/free-port.ts'
import { migrateDatabase } from '../../../src/server/store/open-store.ts'
import { askDatabase } from '../../support/ask-database.ts'
import { type RunningHufud, startHufud } from '../../support/ephemeral-server.ts'
import { lacksPostgres, type PostgresCluster, startPostgres } from '../../support/postgres-cluster.ts'
import { databaseConfig } from '../../support/store-at.ts'
import { until } from '../../support/until.ts'

const key = Buffer.alloc(32, 7).toString('base64url')

describe.skipIf(lacksPostgres())('hufud while PostgreSQL is gone', () => {
  let cluster: PostgresCluster
  let hufud: RunningHufud<{ readonly address: string }>

  beforeAll(async () => {
    cluster = await startPostgres({ durable: true })
    await migrateDatabase(databaseConfig(cluster.url('hufud')), { contract: false, clock: systemClock })
    hufud = await startHufud(['serve', '--json', '--port', String(await freePort())], {
      HUFUD_DATABASE: cluster.url('hufud'),
      HUFUD_SECRET_KEY: key,
    })
  })
  afterAll(async () => {
    await hufud?.stop()
    await cluster?.close()
  })

  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${hufud.listening.address}${path}`, { ...init, signal: AbortSignal.timeout(15_000) })

  const beginLogin = (username: string) =>
    ask('/v1/logins', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username }),
    })

  /** Begins logins one after the other. @returns the ids that were acknowledged, and how often each status came */
  async function beginLogins(name: string, stop: AbortSignal) {
    const acknowledged: string[] = []
    const statuses = new Map<number, number>()
    for (let count = 0; !stop.aborted; count += 1) {
      const answer = await beginLogin(`${name}-${count}`)
      const body = (await answer.json()) as { login_id?: string; code?: string }
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      if (answer.ok) acknowledged.push(body.login_id ?? '')
      else if (answer.status === 503) {
        expect(body).toMatchObject({ code: 'busy', retry_after: 1 })
        expect(answer.headers.get('retry-after')).toBe('1')
      }
    }
    return { acknowledged, statuses }
  }

  test('it answers 503, goes on by itself, and has lost nothing that it had acknowledged', async () => {
    const stopping = new AbortController()
    const people = Array.from({ length: 8 }, (_, index) => beginLogins(`person${index}`, stopping.signal))
    const isReady = async () => (await ask('/readyz')).status
    for (let outage = 0; outage < 3; outage += 1) {
      await until('hufud to be ready', async () => (await isReady()) === 200 || undefined)
      await beginLogin(`between-${outage}`)
      await cluster.kill()
      expect(await isReady()).toBe(503)
      expect((await ask('/livez')).status).toBe(200)
      expect((await beginLogin('meanwhile')).status).toBe(503)
      await cluster.start()
    }
    await until('hufud to be ready', async () => (await isReady()) === 200 || undefined)
    stopping.abort()
    const results = await Promise.all(people)
    const acknowledged = results.flatMap(result => result.acknowledged)
    const statuses = new Set(results.flatMap(result => [...result.statuses.keys()]))
    expect([...statuses].filter(status => ![201, 429, 503].includes(status))).toEqual([])
    expect(statuses).toContain(503)
    const rows = await askDatabase<{ id: string }>(cluster.url('hufud', 'postgres'), 'select id from logins')
    const kept = new Set(rows.map(({ id }) => id))
    expect(acknowledged.length).toBeGreaterThan(8)
    expect(acknowledged.filter(id => !kept.has(id))).toEqual([])
    expect(hufud.log()).not.toContain(key)
  })
})
