import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { serviceScopes } from '../../src/contract/schemas.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { openServices } from '../../src/server/app.ts'
import { readConfig } from '../../src/server/config/load-config.ts'
import { createOwnToken } from '../../src/server/domain/admin/authority.ts'
import { freePort } from '../../src/server/free-port.ts'
import { dropTestDatabase, testDatabase } from './database.ts'
import { type RunningHufud, startHufud } from './ephemeral-server.ts'
import type { Outbox } from './outbox.ts'
import type { PersonServer } from './person.ts'
import { type RoundRobin, startRoundRobin } from './round-robin.ts'

/** Several built hufuds on one database, behind a proxy that sends each request to the next of them. */
export interface Fleet extends PersonServer {
  /** Where each of them listens by itself. */
  readonly urls: readonly string[]
  /** How many requests each of them has answered. */
  readonly answered: readonly number[]
  /** What all of them have logged. */
  log(): string
  close(): Promise<void>
}

export interface FleetOptions {
  readonly processes: number
  /** Sections of the configuration file in YAML. */
  readonly sections: readonly string[]
  readonly secrets: Readonly<Record<string, string>>
  readonly outbox: Outbox
  /** The device of the security key that people hold. */
  readonly securityKey: string
}

const day = 24 * 60 * 60_000

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), 'hufud-fleet-'))
  const port = await freePort()
  const url = `http://localhost:${port}`
  const database = await testDatabase(folder)
  const file = join(folder, 'hufud.yaml')
  const lines = [`origin: ${url}`, `database: '${database}'`, 'listen: { host: localhost, port: 0 }', 'log_level: info']
  writeFileSync(file, [...lines, "trusted_proxies: ['loopback']", ...options.sections, ''].join('\n'), { mode: 0o600 })
  const env = { ...options.secrets, HUFUD_SECRET_KEY: Buffer.alloc(32, 5).toString('base64url') }
  const config = await readConfig({ config: file }, { HOME: folder, ...env })
  const edge = { clock: systemClock, random: systemRandom, logger: pino({ level: 'silent' }), version: 'test' }
  // Before the others come: it brings the schema up to date, delivers nothing, and ends.
  const opened = await openServices(config, { ...edge, senders: {} })
  const adminToken = await createOwnToken(opened.services.domain, serviceScopes, day)
  await opened.close()
  const running: RunningHufud<{ address: string }>[] = []
  for (let index = 0; index < options.processes; index += 1) {
    const own = ['--port', String(await freePort())]
    running.push(await startHufud(['serve', '--config', file, '--json', ...own], env, folder))
  }
  const urls = running.map(({ listening }) => listening.address)
  const proxy: RoundRobin = await startRoundRobin(port, urls)
  return {
    url,
    urls,
    adminToken,
    outbox: options.outbox,
    securityKey: options.securityKey,
    answered: proxy.answered,
    log: () => running.map(({ log }) => log()).join(''),
    async close() {
      await proxy.close()
      const exitCodes = await Promise.all(running.map(({ stop }) => stop()))
      await dropTestDatabase(database)
      rmSync(folder, { recursive: true, force: true })
      if (exitCodes.some(code => code !== 0)) throw new Error(`a hufud ended with ${exitCodes}`)
    },
  }
}
