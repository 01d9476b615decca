import { call, openConnection, requestBytes, requestRate } from '../http-connection.ts'
import { withHufud } from '../hufud.ts'
import { compare, type Figure, judged } from '../measure.ts'
import { startProgram } from '../processes.ts'

const connections = 4
const depth = 16
const roundMilliseconds = 1000

export const overviewReads = (): Promise<Figure> =>
  withHufud(1, async ({ accounts, url }) => {
    const request = requestBytes('GET', '/v1/account', { bearer: accounts[0]?.sessionSecret ?? '' })
    const open = (to: string) => Promise.all(Array.from({ length: connections }, () => openConnection(to)))
    const subject = await open(url)
    const [first] = subject
    const size = first ? JSON.stringify(await call(first, request)).length : 0
    const bare = await startProgram('bare-fastify', [String(size)])
    const base = await open(String(bare.listening.url))
    try {
      const compared = await compare(
        9,
        () => requestRate(subject, request, depth, roundMilliseconds),
        () => requestRate(base, requestBytes('GET', '/'), depth, roundMilliseconds),
      )
      return judged(
        'overview_reads',
        'GET /v1/account per second over a bare Fastify route with a JSON of the same size',
        compared,
        { least: 0.25 },
        { subject: 'reads_per_second', base: 'fastify_per_second' },
        { answer_bytes: size, connections, pipelined: depth },
      )
    } finally {
      for (const connection of [...subject, ...base]) connection.close()
      await bare.stop()
    }
  })
