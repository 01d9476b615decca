import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { serviceScopes } from '../../src/contract/schemas.ts'
import { freePort } from '../../src/server/free-port.ts'
import { type RunningHufud, startHufud } from './ephemeral-server.ts'
import { environment, freshHome, hufu, hufudExecutable } from './hufu.ts'
import { openOutbox } from './outbox.ts'
import { Person, type PersonServer } from './person.ts'

/** The built `hufud serve` with a database of its own, and the admin that `hufud bootstrap` made. */
export interface BootstrappedHufud {
  readonly url: string
  /** The admin, logged in. */
  readonly root: Person
  /** A token of all scopes that the admin made, called `all`. */
  readonly token: string
  /** Ends the server; `serve` begins it again, at the same address. */
  stop(): Promise<number | undefined>
  serve(): Promise<void>
}

const password = 'the first password of all'

/** Runs `hufu` as the admin. @throws {Error} with its words when it fails */
async function succeeding(root: Person, args: readonly string[], env: Record<string, string> = {}) {
  const run = await hufu(args, {
    home: root.home,
    env: { HUFU_SERVER: root.server.url, HUFU_PASSWORD: password, ...env },
  })
  if (run.exitCode !== 0) throw new Error(`${args.join(' ')}: ${run.stderr}`)
  return run
}

/** Starts a hufud as an operator would, makes its first admin, and logs them in. */
export async function startBootstrapped(username = 'root'): Promise<BootstrappedHufud> {
  const folder = freshHome()
  const port = await freePort()
  const url = `http://localhost:${port}`
  const env = {
    HUFUD_DATABASE: `sqlite:${join(folder, 'data', 'hufud.db')}`,
    HUFUD_LISTEN: `127.0.0.1:${port}`,
    HUFUD_ORIGIN: url,
    HUFUD_LOG_LEVEL: 'warn',
  }
  mkdirSync(join(folder, 'data'))
  let running: RunningHufud<unknown> | undefined
  const serve = async () => {
    running = await startHufud(['serve', '--json'], env, folder)
  }
  await serve()
  const { stdout } = await execa(process.execPath, [hufudExecutable, 'bootstrap', username], {
    env: environment(folder, env),
    extendEnv: false,
  })
  // Nobody delivers messages here, and there is no key.
  const nothing = { outbox: openOutbox('http://127.0.0.1:1/'), securityKey: 'udp:127.0.0.1:1' }
  const root = new Person({ url, adminToken: '', ...nothing } satisfies PersonServer, username)
  root.password = password
  await succeeding(root, ['passwd', '--link-file', root.file('link', stdout)], { HUFU_NEW_PASSWORD: password })
  await succeeding(root, ['login', username, '--verify', 'password'])
  const scopes = serviceScopes.join(',')
  const made = await succeeding(root, ['admin', 'token', 'create', 'all', '--scope', scopes, '--expires', '1d'])
  return { url, root, token: String(made.last.token), serve, stop: async () => running?.stop() }
}
