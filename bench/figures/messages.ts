import { type Connection, call, openConnection, requestBytes } from '../http-connection.ts'
import { type BenchServer, withHufud } from '../hufud.ts'
import { type Figure, percentile, round } from '../measure.ts'
import { processorMilliseconds, type Server, startProgram } from '../processes.ts'

const perSecond = 200
const warmUp = 5 * perSecond
const measured = 10 * perSecond
const connections = 16
const longest = 500
const patience = 10_000
const readInterval = 10

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

interface Asked {
  /** When each code was asked for. */
  readonly at: readonly number[]
  /** Codes per second that were answered. */
  readonly rate: number
}

/** Asks for the codes of `count` accounts at their pace, whether the server keeps up or not. */
async function askAtPace(url: string, first: number, count: number): Promise<Asked> {
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
  const at: number[] = []
  const ask = async (index: number) => {
    const connection = await take()
    at[index] = await askForCode(connection, first + index)
    give(connection)
  }
  const asking: Promise<void>[] = []
  const start = now()
  for (let index = 0; index < count; index++) {
    await pause(start + (index * 1000) / perSecond - now())
    asking.push(ask(index))
  }
  await Promise.all(asking)
  const rate = (count * 1000) / (now() - start)
  for (const connection of all) connection.close()
  return { at, rate }
}

/** What somebody else waits for an answer meanwhile: reads, one at a time, until it is told to stop. */
function readMeanwhile({ accounts, url }: BenchServer): { stop(): Promise<readonly number[]> } {
  const times: number[] = []
  let isOver = false
  async function read(): Promise<void> {
    const connection = await openConnection(url)
    const request = requestBytes('GET', '/v1/account', { bearer: accounts[0]?.sessionSecret ?? '' })
    while (!isOver) {
      const start = now()
      await call(connection, request)
      times.push(now() - start)
      await pause(readInterval)
    }
    connection.close()
  }
  const reading = read()
  return {
    async stop() {
      isOver = true
      await reading
      return times
    },
  }
}

/** When each mail arrived, by its address, once there are `count` or none come any more. */
async function arrivalsAt(sink: Server, count: number): Promise<Record<string, number>> {
  const connection = await openConnection(String(sink.listening.list))
  const deadline = now() + patience
  for (;;) {
    const arrivals = await call<Record<string, number>>(connection, requestBytes('GET', '/'))
    if (Object.keys(arrivals).length >= count || now() > deadline) {
      connection.close()
      return arrivals
    }
    await pause(100)
  }
}

/** @returns what a program has used of a processor since, in milliseconds per code */
function watchProcessor({ pid }: Server): () => number {
  const before = processorMilliseconds(pid) ?? Number.NaN
  return () => round(((processorMilliseconds(pid) ?? Number.NaN) - before) / measured, 2)
}

async function deliver(hufud: BenchServer, sink: Server): Promise<Figure> {
  // What is measured is the program that V8 has compiled, with nothing left to do.
  await askAtPace(hufud.url, 0, warmUp)
  await arrivalsAt(sink, warmUp)
  const usedBy = { hufud: watchProcessor(hufud.server), sink: watchProcessor(sink) }
  const reading = readMeanwhile(hufud)
  const { at, rate } = await askAtPace(hufud.url, warmUp, measured)
  const reads = await reading.stop()
  const arrivals = await arrivalsAt(sink, warmUp + measured)
  const delays = at.map(
    (time, index) => (arrivals[`bench${warmUp + index}@example.com`] ?? Number.POSITIVE_INFINITY) - time,
  )
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
      hufud_processor_ms_per_code: usedBy.hufud(),
      smtp_server_processor_ms_per_code: usedBy.sink(),
      reads_meanwhile_p50_ms: round(percentile(reads, 0.5), 1),
      reads_meanwhile_p99_ms: round(percentile(reads, 0.99), 1),
    },
  }
}

export async function messageDelivery(): Promise<Figure> {
  const sink = await startProgram('mail-sink')
  const smtp = { host: '127.0.0.1', port: sink.listening.port, security: 'none' }
  const email = { from: 'hufu <hufu@example.com>', smtp }
  try {
    return await withHufud(warmUp + measured, hufud => deliver(hufud, sink), { email })
  } finally {
    await sink.stop()
  }
}
