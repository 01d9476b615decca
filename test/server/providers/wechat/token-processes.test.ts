// Processes share one access token by their database: one of them asks for it, whoever is first, and another one in its
// place when it dies.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { buildSync } from 'esbuild'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../../../src/lib/clock.ts'
import { systemRandom } from '../../../../src/lib/random.ts'
import { createSecretKeys } from '../../../../src/server/domain/secret-keys.ts'
import { accessTokenStore } from '../../../../src/server/domain/wechat-access-token.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../../../src/simulators/wechat/simulator.ts'
import { testDatabase } from '../../../support/database.ts'
import { openStoreAt } from '../../../support/store-at.ts'
import { until } from '../../../support/until.ts'
import { credentials } from './credentials.ts'
import { hostileServer, weChatWith } from './support.ts'

let folder: string
let program: string
let simulator: WeChatSimulator
let databases = 0
const children: ChildProcess[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-tokens-'))
  program = join(folder, 'asking-for-tokens.cjs')
  buildSync({
    entryPoints: [join(import.meta.dirname, 'asking-for-tokens.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['better-sqlite3', 'pg'],
    logLevel: 'error',
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeEach(async () => {
  simulator = await startWeChatSimulator({ clock: systemClock, random: systemRandom, credentials })
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await simulator.close()
})

const freshDatabase = async () => {
  const database = await testDatabase(folder, `${++databases}`)
  // One process brings the schema up to date before others come.
  await (await openStoreAt(database)).close()
  return database
}

interface Asking {
  readonly child: ChildProcess
  readonly lines: AsyncIterator<string>
  ask(): void
}

async function start(database: string, baseUrl: string, timeout: number): Promise<Asking> {
  const env = { ...process.env, NODE_PATH: resolve(import.meta.dirname, '../../../../node_modules') }
  const child = spawn(process.execPath, [program, database, baseUrl, String(timeout)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  const lines = (createInterface({ input: child.stdout }) as Interface)[Symbol.asyncIterator]()
  expect((await lines.next()).value).toBe('ready')
  return { child, lines, ask: () => void child.stdin.write('ask\n') }
}

it('one call serves three processes of seventeen callers', async () => {
  const database = await freshDatabase()
  const asking = await Promise.all([1, 2, 3].map(() => start(database, simulator.baseUrl, 5000)))
  for (const { ask } of asking) ask()
  for (const { lines } of asking) expect((await lines.next()).value).toBe('17 given')
  expect(simulator.calls).toMatchObject({ stable_token: 1, 'qrcode/create': 51 })
})

it('one call serves ten instances of five callers, and one more after the token was voided', async () => {
  const database = await freshDatabase()
  const stores = await Promise.all(Array.from({ length: 10 }, () => openStoreAt(database)))
  const keys = createSecretKeys(new Uint8Array(32).fill(7), systemRandom)
  const instances = stores.map(store =>
    weChatWith({
      baseUrl: simulator.baseUrl,
      accessTokens: accessTokenStore(store, keys, credentials.appId),
      clock: systemClock,
    }),
  )
  const askAll = () =>
    Promise.all(
      instances.flatMap((weChat, index) =>
        Array.from({ length: 5 }, (_, caller) => weChat.createQr(`scene-${index}-${caller}`, 600)),
      ),
    )
  await askAll()
  expect(simulator.calls).toMatchObject({ stable_token: 1, 'qrcode/create': 50 })
  simulator.revokeTokens()
  await askAll()
  expect(simulator.calls).toMatchObject({ stable_token: 2, 'qrcode/create': 150 })
  await Promise.all(stores.map(store => store.close()))
})

it('when the process that asks is killed, the next one asks', async () => {
  const database = await freshDatabase()
  let asked = 0
  const slow = await hostileServer(async (request, response) => {
    const isToken = request.url?.includes('stable_token')
    if (isToken && ++asked === 1) return
    const body = []
    for await (const chunk of request) body.push(chunk)
    const answer = await fetch(`${simulator.baseUrl}${request.url}`, { method: 'POST', body: Buffer.concat(body) })
    response.end(await answer.text())
  })
  const first = await start(database, slow.baseUrl, 1000)
  const second = await start(database, slow.baseUrl, 1000)
  first.ask()
  await until('the first call', () => asked || undefined)
  second.ask()
  first.child.kill('SIGKILL')
  await once(first.child, 'close')
  expect((await second.lines.next()).value).toBe('17 given')
  expect(asked).toBe(2)
  await slow.close()
})
