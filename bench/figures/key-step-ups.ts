import { dirname } from 'node:path'
import { countCommits, openCommitter } from '../commits.ts'
import { call, openConnection } from '../http-connection.ts'
import { withHufud } from '../hufud.ts'
import { sha256, unbindApp } from '../key-flow.ts'
import { compare, type Figure, judged, ratePerSecond, round } from '../measure.ts'

const width = 16
const roundMilliseconds = 1000
const rounds = 5
const singleFlows = 20
const accountCount = 12_000

export const keyStepUps = (): Promise<Figure> =>
  withHufud(accountCount, async ({ accounts, url, origin, database }) => {
    const lanes = await Promise.all(Array.from({ length: width }, () => openConnection(url)))
    const committer = openCommitter(dirname(database))
    const rpIdHash = sha256(new URL(origin).hostname)
    let flows = 0
    const flow = async (index: number) => {
      const [lane, account] = [lanes[index], accounts[flows++]]
      if (!lane || !account) throw new Error('more flows than accounts')
      await unbindApp(request => call(lane, request), account, origin, rpIdHash)
      return 1
    }
    try {
      const ofSingleFlows = await countCommits(database, async () => {
        for (let index = 0; index < singleFlows; index++) await flow(0)
      })
      const commits = ofSingleFlows / singleFlows
      const perSecond = await compare(
        rounds,
        () => ratePerSecond(roundMilliseconds, width, flow),
        () => committer.rate(roundMilliseconds),
      )
      const compared = { ...perSecond, ratio: perSecond.ratio * commits }
      return judged(
        'key_step_ups',
        'step-ups by security key with their change per second, times their commits, over durable commits per second',
        compared,
        { least: 0.5 },
        { subject: 'flows_per_second', base: 'commits_per_second' },
        { commits_per_flow: round(commits, 2), concurrency: width },
      )
    } finally {
      for (const lane of lanes) lane.close()
      committer.close()
    }
  })
