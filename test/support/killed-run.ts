import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { serviceScopes } from '../../src/contract/schemas.ts'
import { createOwnToken } from '../../src/server/domain/admin/authority.ts'
import { freePort } from '../../src/server/free-port.ts'
import { askDatabase } from './ask-database.ts'
import { isOnPostgres, testEngine } from './database.ts'
import { type HufuRun, type RunningHufu, startHufu } from './hufu.ts'
import { type PostgresCluster, startPostgres } from './postgres-cluster.ts'
import { startRoundRobin } from './round-robin.ts'
import { seededRandom } from './seeded-random.ts'
import { type SeveralHufud, startSeveralHufud } from './several-hufud.ts'

export type Victim = 'hufu' | 'hufud' | 'postgres'

/** A durable database of accounts, the built hufud over it, and a folder for the files of runs. */
export interface KilledWorld {
  readonly database: string
  path(name: string): string
  write(name: string, content: string): string
  /**
   * Runs `hufu args` again and again until it ends with 0, and kills `victims` one after the other with SIGKILL, each
   * when the journal says that a random part of `batches` is done, and up to 100 ms later.
   */
  runKilling(
    args: readonly string[],
    plan: {
      readonly journal: string
      readonly batches: number
      readonly victims: readonly Victim[]
      readonly seed: string
    },
  ): Promise<{ readonly run: HufuRun; readonly kills: readonly string[]; readonly starts: number }>
  close(): Promise<void>
}

const day = 24 * 60 * 60_000
/** Of one start of hufu, in milliseconds. */
const longestRun = 600_000
/** Nothing listens there: what is to be sent stays in the outbox, where it can be counted. */
const unreachableMail = 'email: { from: a@hufu.example, smtp: { host: 127.0.0.1, port: 9, security: none } }'

/** Accounts `user1` to `user<count>`, every tenth of which has `old<number>@hufu.example`, by one statement. */
async function insertAccounts(database: string, count: number): Promise<void> {
  const handle = isOnPostgres ? "decode(md5('a' || i) || md5('b' || i), 'hex')" : 'randomblob(32)'
  const email = "case when i % 10 = 0 then 'old' || i || '@hufu.example' end"
  const columns =
    'id, username, username_key, password_hash, password_set_at, email_address, email_key, email_bound_at, user_handle, locale, role, created_at'
  await askDatabase(
    database,
    `with recursive numbers(i) as (select 1 union all select i + 1 from numbers where i < ${count})
     insert into accounts (${columns})
     select substr('id' || (i + 1000000) || 'AAAAAAAAAAAAAAAAAAAA', 1, 22), 'user' || i, 'user' || i, 'x', 0,
       ${email}, ${email}, case when i % 10 = 0 then 0 end, ${handle}, 'en', 'person', 0 from numbers`,
  )
}

/** A command that is started again when it is killed, or ends with 7 because the server is away. */
function keepRunning(start: () => RunningHufu) {
  let starts = 1
  let running = start()
  let ended: HufuRun | undefined
  const toItsEnd = async (): Promise<HufuRun> => {
    for (;;) {
      const run = await running.finished.catch(() => undefined)
      if (run && run.exitCode !== 7) {
        ended = run
        return run
      }
      starts++
      running = start()
    }
  }
  const done = toItsEnd()
  return {
    done,
    ended: () => ended !== undefined,
    starts: () => starts,
    async kill() {
      running.kill('SIGKILL')
      await running.finished.catch(() => {})
    },
  }
}

/** How many batches a journal says are done; 0 before there is one. */
function batchesIn(journal: string): number {
  try {
    return readFileSync(journal, 'utf8').split('\n').slice(0, -1).filter(isBatchLine).length
  } catch {
    return 0
  }
}

const isBatchLine = (line: string) => line.startsWith('{"batch":')

const clusterSettings = testEngine === 'postgres-serializable' ? { default_transaction_isolation: 'serializable' } : {}

/** @param accounts how many there are @param processes of hufud, which take turns; one, where the database is a file */
export async function openKilledWorld(accounts: number, processes: number): Promise<KilledWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'hufu-killed-'))
  const path = (name: string) => join(folder, name)
  const cluster: PostgresCluster | undefined = isOnPostgres
    ? await startPostgres({ durable: true, settings: clusterSettings })
    : undefined
  const database = cluster ? cluster.url('hufud') : `sqlite:${path('hufud.db')}`
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const given = { origin, database, sections: [unreachableMail] }
  const servers: SeveralHufud = await startSeveralHufud(given, cluster ? processes : 1)
  const proxy = await startRoundRobin(
    port,
    servers.ports.map(each => `http://127.0.0.1:${each}`),
  )
  await insertAccounts(database, accounts)
  const token = await createOwnToken(servers.services.domain, serviceScopes, day)
  const env = { HUFU_SERVER: origin, HUFU_TOKEN: token }

  let killedServers = 0
  const killAndStart: Record<Exclude<Victim, 'hufu'>, () => Promise<void>> = {
    async hufud() {
      const index = killedServers++ % servers.ports.length
      await servers.kill(index)
      await servers.start(index)
    },
    async postgres() {
      await cluster?.kill()
      await cluster?.start()
    },
  }
  return {
    database,
    path,
    write(name, content) {
      writeFileSync(path(name), content)
      return path(name)
    },
    async runKilling(args, { journal, batches, victims, seed }) {
      const random = seededRandom(seed)
      const fraction = () => Buffer.from(random.bytes(4)).readUInt32BE() / 2 ** 32
      const moments = victims.map(() => Math.floor(fraction() * batches * 0.9)).sort((a, b) => a - b)
      const kills: string[] = []
      const command = keepRunning(() => startHufu(args, { env, timeout: longestRun }))
      for (const [index, victim] of victims.entries()) {
        while (!command.ended() && batchesIn(journal) < (moments[index] ?? 0)) await delay(5)
        await delay(fraction() * 100)
        if (command.ended()) break
        kills.push(`${victim} at batch ${batchesIn(journal)}`)
        if (victim === 'hufu') await command.kill()
        else await killAndStart[victim]()
      }
      return { run: await command.done, kills, starts: command.starts() }
    },
    async close() {
      await proxy.close()
      await servers.close()
      await cluster?.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
