import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { systemClock } from '../src/lib/clock.ts'
import { migrateDatabase } from '../src/server/app.ts'
import { startPostgres } from '../test/support/postgres-cluster.ts'
import { addAccounts, type BenchAccount } from './accounts.ts'
import { type Answer, type Connection, ConnectionLost, openConnection } from './http-connection.ts'
import { withFolder } from './hufud.ts'
import { type Server, startHufud } from './processes.ts'

/** Several hufuds on one PostgreSQL whose commits are durable. */
export interface BenchFleet {
  readonly accounts: readonly BenchAccount[]
  readonly servers: readonly Server[]
  readonly urls: readonly string[]
  /** The origin that people and keys see. */
  readonly origin: string
  /** How many apps have been given up, by the log of events. */
  appsGivenUp(): Promise<number>
}

const origin = 'http://localhost:7700'

/** Hufuds on a fresh database with `accounts` accounts. */
export const withFleet = <T>(
  processes: number,
  accounts: number,
  work: (fleet: BenchFleet) => Promise<T>,
): Promise<T> =>
  withFolder(async folder => {
    const cluster = await startPostgres({ durable: true })
    const servers: Server[] = []
    try {
      const database = cluster.url('hufud')
      const env = { HUFUD_SECRET_KEY: Buffer.alloc(32, 5).toString('base64url') }
      const limits = { connections: 2, statementTimeout: 60_000, preparesStatements: true }
      await migrateDatabase({ engine: 'postgres', url: database, ...limits }, { contract: true, clock: systemClock })
      const added = await addAccounts(database, accounts, env)
      const client = new pg.Client(database)
      await client.connect()
      await client.query('analyze')
      const config = join(folder, 'hufud.json')
      writeFileSync(config, JSON.stringify({ origin, database, trusted_proxies: ['127.0.0.1'] }), { mode: 0o600 })
      for (let index = 0; index < processes; index++)
        servers.push(await startHufud(['--config', config, '--port', '0'], env))
      const urls = servers.map(({ listening }) => String(listening.address))
      const count = "select count(*)::int as count from events where action = 'totp.unbind'"
      const appsGivenUp = async () => Number((await client.query(count)).rows[0].count)
      try {
        return await work({ accounts: added.accounts, servers, urls, origin, appsGivenUp })
      } finally {
        await client.end()
      }
    } finally {
      await Promise.all(servers.map(server => server.stop()))
      await cluster.close()
    }
  })

/** One client of several servers, as a reverse proxy serves it: each request goes to the next server that is there. */
export interface Rotation {
  /** @throws {ConnectionLost} where a server ended while the request was open there */
  send(request: Buffer): Promise<Answer>
  /** The place of the server that was asked last, and may not have answered. */
  readonly lastAsked: number | undefined
  close(): void
}

/** @param first the place in `urls` of the server that is asked first */
export async function openRotation(urls: readonly string[], first: number): Promise<Rotation> {
  const connections = await Promise.all(urls.map(url => openConnection(url)))
  let turn = first
  let lastAsked: number | undefined
  const next = (): { place: number; connection: Connection } => {
    for (let tried = 0; tried < connections.length; tried++) {
      const place = turn++ % connections.length
      const connection = connections[place]
      if (connection && !connection.isClosed) return { place, connection }
    }
    throw new ConnectionLost('no server is left')
  }
  return {
    get lastAsked() {
      return lastAsked
    },
    send(request) {
      const { place, connection } = next()
      lastAsked = place
      return connection.send(request, 1)
    },
    close() {
      for (const connection of connections) connection.close()
    },
  }
}
