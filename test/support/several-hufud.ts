import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { pino } from 'pino'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { openServices } from '../../src/server/app.ts'
import { readConfig } from '../../src/server/config/load-config.ts'
import type { Services } from '../../src/server/domain/services.ts'
import { freePort } from '../../src/server/free-port.ts'
import { type RunningHufud, startHufud } from './ephemeral-server.ts'
import { environment, hufudExecutable } from './hufu.ts'

/** Processes of the built hufud that share a database and a secret key, behind one origin. */
export interface SeveralHufud {
  readonly ports: readonly number[]
  /** Services over the same database in this process, which deliver nothing. */
  readonly services: Services
  /** What `index` has logged since it was started last. */
  log(index: number): string
  /** SIGKILL, and waits for its end. */
  kill(index: number): Promise<void>
  /** SIGTERM, and waits for its end. */
  stop(index: number): Promise<void>
  start(index: number): Promise<void>
  close(): Promise<void>
}

/** @param origin where people reach them all */
export async function startSeveralHufud(
  {
    origin,
    database,
    secretKey = randomBytes(32).toString('base64url'),
    ports = [],
    sections = [],
  }: {
    readonly origin: string
    readonly database: string
    /** base64url of 32 bytes. */
    readonly secretKey?: string
    /** To listen on; free ones where they are left out. */
    readonly ports?: number[]
    /** Further lines of the configuration file, in YAML. */
    readonly sections?: readonly string[]
  },
  count: number,
): Promise<SeveralHufud> {
  const folder = mkdtempSync(join(tmpdir(), 'hufud-several-'))
  const config = join(folder, 'hufud.yaml')
  const lines = [`origin: ${origin}`, 'trusted_proxies: [127.0.0.1]', 'log_level: info', ...sections, '']
  writeFileSync(config, lines.join('\n'), { mode: 0o600 })
  const shared = { HUFUD_DATABASE: database, HUFUD_SECRET_KEY: secretKey }
  while (ports.length < count) ports.push(await freePort())
  const running: (RunningHufud<unknown> | undefined)[] = []
  const start = async (index: number) => {
    const env = { ...shared, HUFUD_CONFIG: config, HUFUD_LISTEN: `127.0.0.1:${ports[index]}` }
    running[index] = await startHufud(['serve', '--json'], env, folder)
  }
  await execa(process.execPath, [hufudExecutable, 'migrate'], {
    env: environment(folder, { ...shared, HUFUD_CONFIG: config }),
    extendEnv: false,
  })
  for (const index of ports.keys()) await start(index)
  const edge = { clock: systemClock, random: systemRandom, logger: pino({ level: 'silent' }), version: 'test' }
  const { services, close } = await openServices(await readConfig({ config }, { HOME: folder, ...shared }), {
    ...edge,
    senders: {},
  })
  return {
    ports,
    services,
    log: index => running[index]?.log() ?? '',
    async kill(index) {
      const process_ = running[index]
      running[index] = undefined
      if (process_) process.kill(process_.pid, 'SIGKILL')
      await process_?.stop()
    },
    async stop(index) {
      const process_ = running[index]
      running[index] = undefined
      const exitCode = await process_?.stop()
      if (exitCode !== 0) throw new Error(`hufud ended with ${exitCode}: ${process_?.log()}`)
    },
    start,
    async close() {
      await close()
      for (const process_ of running) await process_?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
