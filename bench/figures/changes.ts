import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { generateSync } from 'otplib'
import { addAccounts, type BenchAccount } from '../accounts.ts'
import { countCommits, openCommitter } from '../commits.ts'
import { type Connection, call, openConnection, requestBytes } from '../http-connection.ts'
import { withFolder } from '../hufud.ts'
import { compare, type Figure, ratePerSecond, round } from '../measure.ts'
import { startHufud } from '../processes.ts'

const width = 8
const roundMilliseconds = 1500
const rounds = 5
const usesPerApp = 2
const accountCount = 4000

interface Lane {
  readonly server: Connection
  readonly outbox: Connection
}

interface Message {
  readonly code: string | null
}

/** Changes a phone number as a client does: step-up by TOTP, the new number, the code that arrives there. */
async function changePhone(lane: Lane, account: BenchAccount, use: number, phoneNumber: string): Promise<void> {
  const bearer = account.sessionSecret
  const post = <T>(path: string, body: unknown, proof = '') =>
    call<T>(lane.server, requestBytes('POST', path, { bearer, proof, body }))
  const { challenge_id } = await post<{ challenge_id: string }>('/v1/step-up', { operation: 'phone.bind' })
  // One code per 30 seconds and app works once; the step after this one is accepted, too, and stays so when a step ends
  // between here and the server.
  const epoch = Math.floor(Date.now() / 1000) + use * 30
  const code = generateSync({ secret: account.totpSecret, epoch })
  const { proof } = await post<{ proof: string }>(`/v1/step-up/${challenge_id}/finish`, { method: 'totp', code })
  const { binding_id } = await post<{ binding_id: string }>('/v1/bindings/phone', { phone_number: phoneNumber }, proof)
  const outbox = requestBytes('GET', `/outbox?to=${phoneNumber}`)
  for (;;) {
    const message = (await call<Message[]>(lane.outbox, outbox)).find(({ code }) => code !== null)
    if (message) {
      await post(`/v1/bindings/${binding_id}/code`, { code: message.code })
      return
    }
    await new Promise(resolve => setTimeout(resolve, 1))
  }
}

export const phoneChanges = (): Promise<Figure> =>
  withFolder(async folder => {
    const server = await startHufud(['--ephemeral'], { TMPDIR: folder })
    const [name = ''] = readdirSync(folder)
    const database = join(folder, name, 'hufud.db')
    const { accounts } = await addAccounts(`sqlite:${database}`, accountCount)
    const lanes = await Promise.all(
      Array.from({ length: width }, async () => ({
        server: await openConnection(String(server.listening.url)),
        outbox: await openConnection(String(server.listening.outbox)),
      })),
    )
    const committer = openCommitter(folder)
    let flows = 0
    const flow = async (index: number) => {
      const lane = lanes[index]
      const number = flows++
      const account = accounts[number % accountCount]
      const use = Math.floor(number / accountCount)
      if (!lane || !account || use >= usesPerApp) throw new Error('more flows than authenticator apps have codes for')
      await changePhone(lane, account, use, `+86138${String(number).padStart(8, '0')}`)
      return 1
    }
    try {
      const commits = await countCommits(database, async () => {
        await flow(0)
        // The notices to the old and the new number are sent after the answer, each with commits of its own.
        await new Promise(resolve => setTimeout(resolve, 200))
      })
      const compared = await compare(
        rounds,
        () => ratePerSecond(roundMilliseconds, width, flow),
        () => committer.rate(roundMilliseconds),
      )
      return {
        name: 'phone_changes',
        what: 'phone numbers changed per second (TOTP, code, confirmation) over durable commits per second',
        ratio: round(compared.ratio, 4),
        target: null,
        met: null,
        raw: {
          changes_per_second: round(compared.subject, 1),
          commits_per_second: round(compared.base, 1),
          commits_per_change: commits,
          ratio_times_commits: round(compared.ratio * commits),
          concurrency: width,
          rounds,
        },
      }
    } finally {
      for (const { server, outbox } of lanes) {
        server.close()
        outbox.close()
      }
      committer.close()
      await server.stop()
    }
  })
