import { setTimeout as delay } from 'node:timers/promises'
import type { Overview } from '../../src/contract/account.ts'
import type { BenchAccount } from '../accounts.ts'
import { type CpuQuota, openCpuQuota } from '../cpu-quota.ts'
import { type BenchFleet, openRotation, type Rotation, withFleet } from '../fleet.ts'
import { ConnectionLost, requestBytes } from '../http-connection.ts'
import { sha256, unbindApp } from '../key-flow.ts'
import { type Figure, median, ratePerSecond, round } from '../measure.ts'
import { processorMilliseconds } from '../processes.ts'

const processes = 3
/** Of one core, for each process: three of them, PostgreSQL and the load fit on two cores with room. */
const share = 0.1
const accountCount = 6000
const rounds = 5
const roundMilliseconds = 1500
const warmUpMilliseconds = 4000
/** Enough that requests wait at every process, even when most of them have gathered at one that has used up its quota. */
const lanesPerProcess = 24
const killedAfterMilliseconds = 2000
const goesOnForMilliseconds = 3000
const least = 0.85

/** What one lane does until it has done one of its kind. @returns how many it has done */
type Work = (rotation: Rotation) => Promise<number>

interface Measured {
  readonly perSecond: number
  /** How much of their quotas the processes took, 0 to 1. Far below 1, something else holds them back. */
  readonly quotaUsed: number
}

/** The work of `count` of the fleet's processes, which a lane's requests go to in turn. */
async function measure(
  { urls, servers }: BenchFleet,
  count: number,
  first: number,
  milliseconds: number,
  work: Work,
): Promise<Measured> {
  const chosen = Array.from({ length: count }, (_, index) => (first + index) % processes)
  const own = chosen.map(index => urls[index] ?? '')
  const width = lanesPerProcess * count
  const lanes = await Promise.all(Array.from({ length: width }, (_, lane) => openRotation(own, lane)))
  const used = () => chosen.reduce((sum, index) => sum + (processorMilliseconds(servers[index]?.pid ?? 0) ?? 0), 0)
  try {
    const [start, before] = [performance.now(), used()]
    const perSecond = await ratePerSecond(milliseconds, width, async lane => {
      const rotation = lanes[lane]
      if (!rotation) throw new Error('no such lane')
      return work(rotation)
    })
    const allowed = (performance.now() - start) * share * count
    return { perSecond, quotaUsed: (used() - before) / allowed }
  } finally {
    for (const lane of lanes) lane.close()
  }
}

async function askedOn<T>(rotation: Rotation, request: Buffer): Promise<T> {
  const { status, body } = await rotation.send(request)
  if (status >= 400) throw new Error(`HTTP ${status}: ${body}`)
  return JSON.parse(body.toString())
}

const overviewOf = ({ sessionSecret }: BenchAccount): Buffer =>
  requestBytes('GET', '/v1/account', { bearer: sessionSecret })

function overviews({ accounts }: BenchFleet): Work {
  const requests = accounts.slice(0, 500).map(overviewOf)
  let turn = 0
  return async rotation => {
    await askedOn(rotation, requests[turn++ % requests.length] ?? Buffer.alloc(0))
    return 1
  }
}

/** Hands out accounts that have their app still. */
function appsOf({ accounts }: BenchFleet) {
  let taken = 0
  return {
    next(): BenchAccount {
      const account = accounts[taken++]
      if (!account) throw new Error('more flows than accounts')
      return account
    },
  }
}
type Apps = ReturnType<typeof appsOf>

function stepUps({ origin }: BenchFleet, apps: Apps): Work {
  const rpIdHash = sha256(new URL(origin).hostname)
  return async rotation => {
    await unbindApp(request => askedOn(rotation, request), apps.next(), origin, rpIdHash)
    return 1
  }
}

const numbers = Array.from({ length: processes }, (_, index) => index + 1)

/** 1, 2 and 3 processes in turn, the order changing from round to round, in each round other ones. The first does not count. */
async function scaleOf(fleet: BenchFleet, name: string, what: string, work: Work, by: string): Promise<Figure[]> {
  const measured: Map<number, Measured>[] = []
  for (let index = 0; index <= rounds; index++) {
    const ofRound = new Map<number, Measured>()
    for (const count of index % 2 ? [...numbers].reverse() : numbers)
      ofRound.set(count, await measure(fleet, count, index, roundMilliseconds, work))
    if (index > 0) measured.push(ofRound)
  }
  const medianOf = (read: (count: number, ofRound: Map<number, Measured>) => number, count: number) =>
    median(measured.map(ofRound => read(count, ofRound)))
  const rate = (count: number, ofRound: Map<number, Measured>) => ofRound.get(count)?.perSecond ?? Number.NaN
  const quota = (count: number, ofRound: Map<number, Measured>) => ofRound.get(count)?.quotaUsed ?? Number.NaN
  return numbers.slice(1).map(count => {
    const ratio = medianOf((_, ofRound) => rate(count, ofRound) / rate(1, ofRound) / count, count)
    return {
      name: `scale_out_${name}_${count}`,
      what: `${what} per second of ${count} processes on one PostgreSQL, over ${count} times that of one`,
      ratio: round(ratio),
      target: { least },
      met: ratio >= least,
      raw: {
        per_second: round(medianOf(rate, count), 1),
        one_per_second: round(medianOf(rate, 1), 1),
        quota_used: round(medianOf(quota, count)),
        one_quota_used: round(medianOf(quota, 1)),
        core_share_each: share,
        quota_by: by,
        rounds,
      },
    }
  })
}

interface Outcome {
  completed: number
  /** Flows whose request was lost with its server: the server's place. */
  readonly interruptedAt: (number | undefined)[]
  /** Of those, the ones whose change had been made: only its answer was lost. */
  alreadyDone: number
  readonly failed: string[]
}

/** One flow as a client makes it: from the start again, on whoever is left, when a request was lost with its server. */
async function persistently(rotation: Rotation, fleet: BenchFleet, account: BenchAccount, outcome: Outcome) {
  const rpIdHash = sha256(new URL(fleet.origin).hostname)
  const ask = <T>(request: Buffer) => askedOn<T>(rotation, request)
  try {
    await unbindApp(ask, account, fleet.origin, rpIdHash)
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error
    outcome.interruptedAt.push(rotation.lastAsked)
    const { items } = await ask<Overview>(overviewOf(account))
    if (items.some(({ item, set }) => item === 'totp' && set)) await unbindApp(ask, account, fleet.origin, rpIdHash)
    else outcome.alreadyDone++
  }
  outcome.completed++
}

/** Flows on all processes; after a while the one with the most requests open is killed, and the flows go on. */
async function killInTheMiddle(fleet: BenchFleet, apps: Apps): Promise<Figure> {
  const width = lanesPerProcess * processes
  const lanes = await Promise.all(Array.from({ length: width }, (_, lane) => openRotation(fleet.urls, lane)))
  const outcome: Outcome = { completed: 0, interruptedAt: [], alreadyDone: 0, failed: [] }
  const before = await fleet.appsGivenUp()
  const end = performance.now() + killedAfterMilliseconds + goesOnForMilliseconds
  const lane = async (rotation: Rotation) => {
    while (performance.now() < end)
      await persistently(rotation, fleet, apps.next(), outcome).catch(error => outcome.failed.push(String(error)))
  }
  const flows = Promise.all(lanes.map(lane))
  await delay(killedAfterMilliseconds)
  const completedBefore = outcome.completed
  const openAt = (place: number) => lanes.filter(rotation => rotation.lastAsked === place).length
  const [victim] = fleet.servers
    .map((server, place) => ({ server, place, open: openAt(place) }))
    .sort((a, b) => b.open - a.open)
  await victim?.server.kill()
  await flows
  for (const rotation of lanes) rotation.close()
  const elsewhere = outcome.interruptedAt.filter(place => place !== victim?.place).length
  const changed = (await fleet.appsGivenUp()) - before
  return {
    name: 'scale_out_kill',
    what: 'flows that failed when one of three processes was killed, beyond the requests that were open there',
    ratio: outcome.failed.length,
    target: { most: 0 },
    met: outcome.failed.length === 0 && elsewhere === 0 && changed === outcome.completed,
    raw: {
      flows_before: completedBefore,
      flows_after: outcome.completed - completedBefore,
      asked_when_killed: victim?.open,
      interrupted_and_repeated: outcome.interruptedAt.length,
      interrupted_elsewhere: elsewhere,
      of_those_already_done: outcome.alreadyDone,
      failed: outcome.failed.slice(0, 3),
      changes_in_the_log: changed,
    },
  }
}

async function scaledOut(fleet: BenchFleet, quota: CpuQuota): Promise<Figure[]> {
  const apps = appsOf(fleet)
  const works = { overviews: overviews(fleet), key_step_ups: stepUps(fleet, apps) }
  // Without a quota: what is compiled while they run is compiled then.
  await measure(fleet, processes, 0, warmUpMilliseconds / 2, works.overviews)
  await measure(fleet, processes, 0, warmUpMilliseconds / 2, works.key_step_ups)
  for (const { pid } of fleet.servers) quota.hold(pid)
  const figures = [
    ...(await scaleOf(fleet, 'overviews', 'GET /v1/account', works.overviews, quota.by)),
    ...(await scaleOf(
      fleet,
      'key_step_ups',
      'step-ups by security key with their change',
      works.key_step_ups,
      quota.by,
    )),
  ]
  figures.push(await killInTheMiddle(fleet, apps))
  return figures
}

const notMeasured = (why: string): Figure => ({
  name: 'scale_out',
  what: 'overviews and step-ups per second of 2 and 3 processes on one PostgreSQL, over 2 and 3 times those of one',
  target: { least },
  met: false,
  raw: { not_measured: why },
})

export async function scaleOut(): Promise<Figure | Figure[]> {
  const quota = openCpuQuota(share)
  if (!quota)
    return notMeasured('no process can be held to a share of a core here: neither cgroups as root nor cpulimit')
  try {
    return await withFleet(processes, accountCount, fleet => scaledOut(fleet, quota))
  } finally {
    quota.close()
  }
}
