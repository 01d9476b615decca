import type { BenchAccount } from '../accounts.ts'
import { type Connection, call, openConnection, requestBytes } from '../http-connection.ts'
import { withHufud } from '../hufud.ts'
import { compare, type Figure, judged, percentile, ratePerSecond, round } from '../measure.ts'
import { startWorker } from '../processes.ts'
import type { HashingQuestion } from '../programs/bare-hashing.ts'

const width = 8
const roundMilliseconds = 2000
const warmUpMilliseconds = 12_000

export const passwordStepUps = (): Promise<Figure> =>
  withHufud(width, async ({ accounts, password, passwordHash, url }) => {
    const lanes = await Promise.all(accounts.map(async account => ({ account, connection: await openConnection(url) })))
    const worker = startWorker<HashingQuestion>('bare-hashing')
    const stepUp = async (index: number) => {
      const lane = lanes[index]
      if (!lane) throw new Error('there is no such lane')
      const bearer = lane.account.sessionSecret
      const begun = await call<{ challenge_id: string }>(
        lane.connection,
        requestBytes('POST', '/v1/step-up', { bearer, body: { operation: 'password.change' } }),
      )
      const finish = `/v1/step-up/${begun.challenge_id}/finish`
      await call(lane.connection, requestBytes('POST', finish, { bearer, body: { method: 'password', password } }))
      return 1
    }
    try {
      // A server runs for months: what is measured is the program that V8 has compiled, not its first seconds.
      await ratePerSecond(warmUpMilliseconds, width, stepUp)
      const compared = await compare(
        7,
        () => ratePerSecond(roundMilliseconds, width, stepUp),
        () => worker.ask({ passwordHash, password, width, milliseconds: roundMilliseconds }),
      )
      return judged(
        'password_step_ups',
        'step-ups by password per second over HTTP, over calls of argon2.verify per second',
        compared,
        { least: 0.9 },
        { subject: 'step_ups_per_second', base: 'verify_per_second' },
        { concurrency: width },
      )
    } finally {
      for (const { connection } of lanes) connection.close()
      await worker.stop()
    }
  })

let sources = 0
/** A source that no login came from before: the throttle of sources is not what is measured. */
const freshSource = (): string => {
  sources += 1
  return `10.${(sources >> 16) & 255}.${(sources >> 8) & 255}.${sources & 255}`
}

const begin = (connection: Connection, { username }: BenchAccount, source: string) =>
  call<{ login_id: string }>(connection, requestBytes('POST', '/v1/logins', { source, body: { username } }))

const finish = (loginId: string, source: string, password: string): Buffer =>
  requestBytes('POST', `/v1/logins/${loginId}/finish`, { source, body: { method: 'password', password } })

const inFlight = 64
const atOnce = 200
const loadMilliseconds = 6000

export const readsDuringLogins = (): Promise<Figure[]> =>
  withHufud(atOnce, async ({ accounts, password, url }) => {
    const lanes = await Promise.all(accounts.map(async account => ({ account, connection: await openConnection(url) })))
    const reader = await openConnection(url)
    const read = requestBytes('GET', '/v1/account', { bearer: accounts[0]?.sessionSecret ?? '' })
    await call(reader, read)

    let loadEnded = false
    const logins = ratePerSecond(loadMilliseconds, inFlight, async index => {
      const lane = lanes[index]
      if (!lane) throw new Error('there is no such lane')
      const source = freshSource()
      const { login_id } = await begin(lane.connection, lane.account, source)
      await call(lane.connection, finish(login_id, source, password))
      return 1
    }).finally(() => {
      loadEnded = true
    })
    const times: number[] = []
    await new Promise(resolve => setTimeout(resolve, 300))
    while (!loadEnded) {
      const start = performance.now()
      await call(reader, read)
      times.push(performance.now() - start)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    const loginRate = await logins
    const p99 = percentile(times, 0.99)

    const begun = await Promise.all(
      lanes.map(async ({ account, connection }) => {
        const source = freshSource()
        return finish((await begin(connection, account, source)).login_id, source, password)
      }),
    )
    const start = performance.now()
    const answers = await Promise.all(
      lanes.map(async ({ connection }, index) => {
        const { status, head } = await connection.send(begun[index] ?? Buffer.alloc(0), 1)
        return { status, retryAfter: /\r\nretry-after: \d+/i.test(head), after: performance.now() - start }
      }),
    )
    const done = answers.filter(({ status }) => status === 200).length
    const busy = answers.filter(({ status, retryAfter }) => status === 503 && retryAfter).length
    for (const { connection } of lanes) connection.close()
    reader.close()
    return [
      {
        name: 'reads_during_logins',
        what: 'GET /v1/account while 64 logins by password are in flight, p99 in milliseconds',
        target: { most: 100 },
        met: p99 <= 100,
        raw: {
          p50_ms: round(percentile(times, 0.5), 1),
          p99_ms: round(p99, 1),
          reads: times.length,
          logins_per_second: round(loginRate, 1),
          in_flight: inFlight,
        },
      },
      {
        name: 'logins_beyond_the_queue',
        what: 'of 200 logins at once, those beyond the queue are told 503 with Retry-After, and all are answered',
        target: { least: 1 },
        ratio: (done + busy) / atOnce,
        met: done + busy === atOnce && busy > 0 && done > 0,
        raw: {
          at_once: atOnce,
          logged_in: done,
          busy_with_retry_after: busy,
          others: atOnce - done - busy,
          slowest_ms: round(Math.max(...answers.map(({ after }) => after)), 0),
        },
      },
    ]
  })
