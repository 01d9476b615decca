import { join } from 'node:path'
import { addAccounts } from '../accounts.ts'
import { type Connection, call, openConnection, requestBytes } from '../http-connection.ts'
import { withFolder } from '../hufud.ts'
import { type Figure, percentile, round } from '../measure.ts'
import { type Server, startProgram } from '../processes.ts'

const perSecond = 200
const warmUp = 2 * perSecond
const measured = 10 * perSecond
const connections = 16
const longest = 500
const patience = 10_000

const now = (): number => performance.timeOrigin + performance.now()
const sourceOf = (index: number): string => `10.1.${index >> 8}.${index & 255}`
const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, Math.max(0, milliseconds)))

/** Begins a login whose first factor is a code by mail. @returns when the request that queues the code was sent */
async function askForCode(connection: Connection, index: number): Promise<number> {
  const source = sourceOf(index)
  const post = <T>(path: string, body: unknown) => call<T>(connection, requestBytes('POST', path, { source, body }))
  const { login_id } = await post<{ login_id: string }>('/v1/logins', { username: `bench${index}` })
  const at = now()
  await post(`/v1/logins/${login_id}/begin`, { method: 'email' })
  return at
}

/**
 * Asks for codes at their pace, whether the server keeps up or not.
 * @returns when each was queued, and how many per second were
 */
async function askAtPace(url: string): Promise<{ queued: number[]; rate: number }> {
  const free = await Promise.all(Array.from({ length: connections }, () => openConnection(url)))
  const all = [...free]
  const waiting: ((connection: Connection) => void)[] = []
  const take = (): Promise<Connection> | Connection =>
    free.pop() ?? new Promise<Connection>(resolve => waiting.push(resolve))
  const give = (connection: Connection) => {
    const next = waiting.shift()
    if (next) next(connection)
    else free.push(connection)
  }
  const queued: number[] = []
  const answered: number[] = []
  const ask = async (index: number) => {
    const connection = await take()
    queued[index] = await askForCode(connection, index)
    answered[index] = now()
    give(connection)
  }
  const asking: Promise<void>[] = []
  const start = now()
  for (let index = 0; index < warmUp + measured; index++) {
    await pause(start + (index * 1000) / perSecond - now())
    asking.push(ask(index))
  }
  await Promise.all(asking)
  for (const connection of all) connection.close()
  const [first = 0, last = 0] = [answered[warmUp], Math.max(...answered)]
  return { queued, rate: ((measured - 1) * 1000) / (last - first) }
}

/** When each mail arrived, by its address, once all have or none come any more. */
async function arrivalsAt(sink: Server): Promise<Record<string, number>> {
  const connection = await openConnection(String(sink.listening.list))
  const deadline = now() + patience
  for (;;) {
    const arrivals = await call<Record<string, number>>(connection, requestBytes('GET', '/'))
    if (Object.keys(arrivals).length >= warmUp + measured || now() > deadline) {
      connection.close()
      return arrivals
    }
    await pause(100)
  }
}

export const messageDelivery = (): Promise<Figure> =>
  withFolder(async folder => {
    const database = join(folder, 'hufud.db')
    await addAccounts(database, warmUp + measured)
    const sink = await startProgram('mail-sink')
    const server = await startProgram('mailing-hufud', [database, String(sink.listening.port)])
    try {
      const { queued, rate } = await askAtPace(String(server.listening.address))
      const arrivals = await arrivalsAt(sink)
      const delays = queued
        .map((at, index) => (arrivals[`bench${index}@example.com`] ?? Number.POSITIVE_INFINITY) - at)
        .slice(warmUp)
      const p99 = percentile(delays, 0.99)
      const arrived = delays.filter(Number.isFinite)
      return {
        name: 'message_delivery',
        what: '200 codes per second by mail: from the request that queues one to its arrival, p99 in milliseconds',
        target: { most: longest },
        met: p99 <= longest && rate >= perSecond * 0.98 && arrived.length === measured,
        raw: {
          p50_ms: round(percentile(arrived, 0.5), 1),
          p99_ms: round(p99, 1),
          slowest_ms: round(Math.max(...arrived), 1),
          codes_per_second: round(rate, 1),
          codes: measured,
          arrived: arrived.length,
        },
      }
    } finally {
      await server.stop()
      await sink.stop()
    }
  })
