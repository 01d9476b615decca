// hufud behind PgBouncer in transaction mode, with the settings of docs/operations.md: no two statements need be on one
// connection of PostgreSQL's, but those of a transaction.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { beginLogin } from '../../../src/contract/logins.ts'
import { freePort } from '../../../src/server/free-port.ts'
import { apiClient } from '../../support/api-member.ts'
import { askDatabase } from '../../support/ask-database.ts'
import { type RunningHufud, startHufud } from '../../support/ephemeral-server.ts'
import { environment, freshHome, hufudExecutable } from '../../support/hufu.ts'
import { openOutbox } from '../../support/outbox.ts'
import { Person } from '../../support/person.ts'
import { lacksPostgres, otherUser, type PostgresCluster, startPostgres } from '../../support/postgres-cluster.ts'
import { until } from '../../support/until.ts'

const pgbouncer = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'].find(existsSync)

/** @throws where CI is `true`: there it must be */
function lacksPgBouncer(): boolean {
  if (pgbouncer !== undefined) return lacksPostgres()
  const words = 'there is no PgBouncer. On Debian: apt-get install pgbouncer'
  if (process.env.CI === 'true') throw new Error(words)
  console.warn(`Skipped: ${words}`)
  return true
}

/** Three connections to PostgreSQL for all of hufud's ten. */
const settings = (cluster: string, port: number) => `[databases]
hufud = host=${cluster} port=5432 dbname=hufud user=hufud
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = statement_timeout, lock_timeout, idle_in_transaction_session_timeout
`

const answers = (port: number) =>
  new Promise<true | undefined>(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(undefined))
    socket.once('close', () => socket.destroy()).setTimeout(100, () => socket.destroy())
  })

describe.skipIf(lacksPgBouncer())('hufud behind PgBouncer', () => {
  const home = freshHome()
  let cluster: PostgresCluster
  let pooler: ReturnType<typeof spawn>
  let hufud: RunningHufud<{ readonly address: string }>
  let env: Readonly<Record<string, string>>

  const run = (...args: string[]) =>
    execa(process.execPath, [hufudExecutable, ...args], { env: environment(home, env), extendEnv: false })

  beforeAll(async () => {
    cluster = await startPostgres()
    await askDatabase(cluster.url('hufud', 'postgres'), "alter role hufud set statement_timeout = '10s'")
    const folder = mkdtempSync(join(tmpdir(), 'hufu-pgbouncer-'))
    chmodSync(folder, 0o755)
    const port = await freePort()
    const socketFolder = String(new URL(cluster.url('hufud')).searchParams.get('host'))
    writeFileSync(join(folder, 'pgbouncer.ini'), settings(socketFolder, port))
    pooler = spawn(pgbouncer ?? '', [join(folder, 'pgbouncer.ini')], { stdio: 'ignore', ...otherUser() })
    await until('PgBouncer', () => answers(port))
    writeFileSync(join(home, 'hufud.json'), JSON.stringify({ database_prepared_statements: false }))
    const listen = await freePort()
    env = {
      HUFUD_DATABASE: `postgres://hufud@127.0.0.1:${port}/hufud`,
      HUFUD_SECRET_KEY: Buffer.alloc(32, 7).toString('base64url'),
      HUFUD_CONFIG: join(home, 'hufud.json'),
      HUFUD_LISTEN: `127.0.0.1:${listen}`,
      HUFUD_ORIGIN: `http://localhost:${listen}`,
      HUFUD_LOG_LEVEL: 'warn',
    }
    await run('migrate')
    hufud = await startHufud(['serve', '--json'], env, home)
  })
  afterAll(async () => {
    await hufud?.stop()
    if (pooler?.exitCode === null) {
      pooler.kill('SIGKILL')
      await once(pooler, 'exit')
    }
    await cluster?.close()
  })

  test('an admin begins, logs in, and changes the password', async () => {
    const { stdout } = await run('bootstrap', 'root')
    const nowhere = { outbox: openOutbox('http://127.0.0.1:1/'), securityKey: 'udp:127.0.0.1:1', adminToken: '' }
    const root = new Person({ url: String(env.HUFUD_ORIGIN), ...nowhere }, 'root')
    const first = 'the first password of all'
    const set = await root.hufu(['passwd', '--link-file', root.file('link', stdout)], {
      env: { HUFU_NEW_PASSWORD: first },
    })
    expect(set.exitCode, set.stderr).toBe(0)
    root.password = first
    const login = await root.hufu(['login', 'root', '--verify', 'password'])
    expect(login.exitCode, login.stderr).toBe(0)
    const changed = await root.hufu(['passwd'], { env: { HUFU_NEW_PASSWORD: 'the second password of all' } })
    expect(changed.exitCode, changed.stderr).toBe(0)
  })

  test('more people at once than it has connections', async () => {
    const api = apiClient(String(env.HUFUD_ORIGIN))
    const logins = Array.from({ length: 40 }, (_, index) =>
      api.call(beginLogin, { body: { username: `person${index}` } }),
    )
    expect(new Set((await Promise.all(logins)).map(({ login_id }) => login_id)).size).toBe(40)
    await api.close()
    expect(hufud.log()).toBe('')
  })
})
