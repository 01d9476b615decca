import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import pino from 'pino'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { openServices } from '../../src/server/app.ts'
import { loadConfig } from '../../src/server/config/load-config.ts'
import { createOwnToken } from '../../src/server/domain/admin/authority.ts'
import { openSession } from '../../src/server/domain/sessions.ts'
import { type Connection, openConnection, requestBytes } from '../http-connection.ts'
import { withFolder } from '../hufud.ts'
import { type Figure, median, percentile, round } from '../measure.ts'
import { hufu, peakMegabytes, spawnNode, startHufud, startWorker } from '../processes.ts'
import type { BareRebinding } from '../programs/bare-rebinding.ts'
import { type RebindingDatabases, withPostgres, withSqlite } from '../rebinding-database.ts'
import { phoneOf } from '../rebinding-rows.ts'

const few = 100_000
const many = 400_000
const rounds = 3
const least = 0.5
const longest = 4.4
const mostGrowth = 50
const slowestRead = 100
const readEvery = 20

/** Of hufud, where the database is no file that it could lie beside. */
const secretKey = Buffer.alloc(32, 7).toString('base64url')
const environment = { HUFUD_SECRET_KEY: secretKey, HUFUD_TWILIO_AUTH_TOKEN: 'x'.repeat(32) }
/** Text messages that are queued and go nowhere: nobody listens there, and after a few attempts hufud leaves it alone. */
const sms = {
  routes: [{ providers: ['twilio'] }],
  twilio: { account_sid: `AC${'0'.repeat(32)}`, from: '+14155550100', base_url: 'http://127.0.0.1:9' },
}

interface World extends RebindingDatabases {
  readonly folder: string
  readonly token: string
  /** Of an account that is in no file. */
  readonly session: string
}

/** A token that may rebind, and somebody's session: the last account, which no run is about. */
async function credentials(database: string): Promise<Pick<World, 'token' | 'session'>> {
  const config = loadConfig({ database }, environment)
  const edge = {
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'silent' }),
    version: '0',
    senders: {},
  }
  const { services, close } = await openServices(config, edge)
  const { domain } = services
  const token = await createOwnToken(domain, ['rebind'], 24 * 60 * 60_000)
  const session = await domain.store.transaction(async queries => {
    const account = await queries.accounts.findByUsernameKey(`bulk${many}`)
    if (!account) throw new Error('there is no such account')
    return openSession(domain, queries, account, ['password'], { source: 'bench', client: 'bench', locale: 'en' })
  })
  await close()
  return { token, session: session.session_secret }
}

async function writeTable(path: string, rows: number, roundNumber: number): Promise<void> {
  const file = createWriteStream(path)
  file.write('username,phone\n')
  for (let index = 0; index < rows; index++) {
    if (!file.write(`bulk${index},${phoneOf(index, roundNumber)}\n`)) await once(file, 'drain')
  }
  file.end()
  await finished(file)
}

/** Asks for an overview every 20 ms, whether those before have been answered or not. */
async function readMeanwhile(url: string, session: string) {
  const request = requestBytes('GET', '/v1/account', { bearer: session })
  let idle: Connection | undefined
  const times: number[] = []
  const under = new Set<Promise<void>>()
  async function read(): Promise<void> {
    const asked = performance.now()
    const taken = idle?.isClosed ? undefined : idle
    idle = undefined
    const connection = taken ?? (await openConnection(url))
    const { status } = await connection.send(request, 1)
    if (status !== 200) throw new Error(`an overview was answered with HTTP ${status}`)
    times.push(performance.now() - asked)
    // Of several one is kept, which is used so often that the server does not close it.
    if (idle) connection.close()
    else idle = connection
  }
  const timer = setInterval(() => {
    // One that fails counts as one that is never answered.
    const reading = read()
      .catch(error => {
        process.stderr.write(`  ${error.message}\n`)
        times.push(Number.POSITIVE_INFINITY)
      })
      .finally(() => under.delete(reading))
    under.add(reading)
  }, readEvery)
  return async () => {
    clearInterval(timer)
    await Promise.all(under)
    idle?.close()
    return times
  }
}

/** The highest resident memory of a process until it ends. */
async function watchPeak(child: ChildProcess): Promise<number> {
  let peak = 0
  while (child.exitCode === null && child.signalCode === null) {
    peak = Math.max(peak, peakMegabytes(child.pid ?? 0) ?? 0)
    await pause(25)
  }
  return peak
}

interface Run {
  readonly milliseconds: number
  readonly cli: number
  readonly server: number
  readonly reads: readonly number[]
}

/** One file of rebindings through a fresh hufud and a fresh hufu. */
async function rebindBy({ folder, subject, token, session }: World, rows: number, roundNumber: number): Promise<Run> {
  const path = (name: string) => join(folder, name)
  const [file, results] = [path('numbers.csv'), path('results.ndjson')]
  for (const name of [results, `${file}.hufu-journal`]) rmSync(name, { force: true })
  await writeTable(file, rows, roundNumber)
  writeFileSync(path('hufud.json'), JSON.stringify({ sms }))
  const server = await startHufud(['--config', path('hufud.json'), '--database', subject, '--port', '0'], environment)
  try {
    const url = String(server.listening.address)
    const stop = await readMeanwhile(url, session)
    const start = performance.now()
    const args = ['admin', 'rebind', file, '--reason', 'new numbers', '--results', results, '--json']
    const cli = spawnNode([hufu, ...args], { HUFU_SERVER: url, HUFU_TOKEN: token, XDG_CONFIG_HOME: folder })
    const succeeded = cli.succeeded.then(() => performance.now() - start)
    const [peak, milliseconds] = await Promise.all([watchPeak(cli.child), succeeded]).finally(stop)
    return { milliseconds, cli: peak, server: peakMegabytes(server.pid) ?? Number.NaN, reads: await stop() }
  } finally {
    await server.stop()
  }
}

async function measure(engine: 'sqlite' | 'postgres', world: World): Promise<Figure[]> {
  const bare = startWorker<BareRebinding>('bare-rebinding')
  const runs: Run[] = []
  const bases: number[] = []
  try {
    // The first run also tells how large hufud's rows are.
    for (let index = 1; index <= rounds; index++) {
      const sides = [
        async () => runs.push(await rebindBy(world, few, index)),
        async () =>
          bases.push(await bare.ask({ database: world.base, rows: few, round: index, sizes: await world.sizes() })),
      ]
      if (index % 2 === 0) sides.reverse()
      for (const side of sides) await side()
      process.stderr.write(
        `  ${Math.round(runs.at(-1)?.milliseconds ?? 0)} ms by ${Math.round(bases.at(-1) ?? 0)} ms\n`,
      )
    }
  } finally {
    await bare.stop()
  }
  const large = await rebindBy({ ...world, subject: world.long, ...(await credentials(world.long)) }, many, 1)
  return figuresOf(engine, runs, bases, large, await world.sizes())
}

function figuresOf(
  engine: string,
  runs: readonly Run[],
  bases: readonly number[],
  large: Run,
  sizes: object,
): Figure[] {
  const name = `bulk_rebind_${engine}`
  const ratio = median(bases.map((base, index) => base / (runs[index]?.milliseconds ?? Number.NaN)))
  const taken = median(runs.map(({ milliseconds }) => milliseconds))
  const longer = large.milliseconds / taken
  const grown = (side: 'cli' | 'server') => large[side] - Math.min(...runs.map(run => run[side]))
  const [cli, server] = [grown('cli'), grown('server')]
  const reads = [...runs, large].flatMap(run => run.reads)
  const p99 = percentile(reads, 0.99)
  return [
    {
      name,
      what: `${few} phone numbers rebound by CSV, per second, over the same statements sent straight to ${engine}`,
      ratio: round(ratio),
      target: { least },
      met: ratio >= least,
      raw: {
        rows_per_second: round((few * 1000) / taken, 0),
        bare_rows_per_second: round((few * 1000) / median(bases), 0),
        seconds: runs.map(({ milliseconds }) => round(milliseconds / 1000, 1)),
        bare_seconds: bases.map(base => round(base / 1000, 1)),
        bytes: sizes,
        rounds,
      },
    },
    {
      name: `${name}_longer`,
      what: `the time of ${many} rows over that of ${few}`,
      ratio: round(longer),
      target: { most: longest },
      met: longer <= longest,
      raw: { seconds: round(large.milliseconds / 1000, 1) },
    },
    {
      name: `${name}_memory`,
      what: `how much the peaks of resident memory grow from ${few} rows to ${many}, the larger of hufu's and hufud's, MB`,
      target: { most: mostGrowth },
      met: Math.max(cli, server) <= mostGrowth,
      raw: {
        hufu_grows_mb: round(cli, 1),
        hufud_grows_mb: round(server, 1),
        hufu_mb: round(large.cli, 1),
        hufud_mb: round(large.server, 1),
      },
    },
    {
      name: `${name}_reads`,
      what: 'GET /v1/account every 20 ms meanwhile, p99 in milliseconds',
      target: { most: slowestRead },
      met: p99 < slowestRead,
      raw: {
        p50_ms: round(percentile(reads, 0.5), 1),
        p99_ms: round(p99, 1),
        slowest_ms: round(Math.max(...reads), 1),
        reads: reads.length,
        failed: reads.filter(time => !Number.isFinite(time)).length,
      },
    },
  ]
}

const begin = (engine: 'sqlite' | 'postgres', folder: string) => async (databases: RebindingDatabases) =>
  measure(engine, { ...databases, folder, ...(await credentials(databases.subject)) })

export const bulkRebindSqlite = (): Promise<Figure[]> =>
  withFolder(folder => withSqlite(folder, many + 1, begin('sqlite', folder)))

export const bulkRebindPostgres = (): Promise<Figure[]> =>
  withFolder(folder => withPostgres(many + 1, begin('postgres', folder)))
