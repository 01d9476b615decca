// Makes the code cache: runs what people run most often, against a stand-in for the server, and writes down what V8
// compiled meanwhile. Nothing of it leaves this machine, and the folder it works in is removed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'

const dist = new URL('../dist/', import.meta.url).pathname
const { load, scripts } = createRequire(import.meta.url)(join(dist, 'chunk-loader.cjs'))
const folder = mkdtempSync(join(tmpdir(), 'hufu-build-'))

const time = '2999-01-01T00:00:00.000Z'
const id = 'a'.repeat(22)
const items = ['password', 'phone', 'email', 'totp', 'wechat', 'webauthn'].map(item => ({
  item,
  set: true,
  value: null,
  bound_at: time,
  last_used_at: null,
  keys: [],
}))
const overview = { username: 'a', items, recovery_codes_left: 0, session: { id, expires_at: time } }
const session = { state: 'complete', session_id: id, session_secret: 'a'.repeat(43), username: 'a', expires_at: time }
const login = { login_id: id, expires_at: time, methods: [{ method: 'password', hint: null }] }

const server = createServer((request, response) => {
  const answer = request.method === 'GET' ? overview : request.url.endsWith('/finish') ? session : login
  const status = answer === login ? 201 : 200
  response
    .writeHead(status, { 'content-type': 'application/json', 'hufud-version': 'build' })
    .end(JSON.stringify(answer))
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${server.address().port}`

const stream = () => Object.assign(new PassThrough().resume(), { columns: 80, rows: 24, fd: 1 })
async function hufu(...argv) {
  const { main, systemContext } = load(dist, './cli/main.cjs')
  const env = { HOME: folder, HUFU_PASSWORD: 'a', LANG: 'en' }
  const system = { ...systemContext(), env, stdin: stream(), stdout: stream(), stderr: stream() }
  return main([...argv, '--server', url], system)
}
const outcomes = [await hufu('login', 'a'), await hufu('status'), await hufu('status', '--json')]
if (outcomes.some(code => code !== 0))
  throw new Error(`hufu ended with ${outcomes.join(', ')} while the code cache was made`)

const stop = new AbortController()
let tell = () => {}
const listening = new Promise(resolve => {
  tell = resolve
})
const { main, systemContext } = load(dist, './server/main.cjs')
const running = main(['serve', '--port', '0', '--database', `sqlite:${join(folder, 'hufud.db')}`], {
  ...systemContext(),
  env: { HOME: folder, HUFUD_LOG_LEVEL: 'error' },
  stdout: () => tell(),
  stderr: text => process.stderr.write(text),
  stop: stop.signal,
})
await Promise.race([listening, running])
stop.abort()
await running
server.close()
server.closeAllConnections()
rmSync(folder, { recursive: true, force: true })
for (const [file, script] of scripts) writeFileSync(`${file}.cache`, script.createCachedData())
process.exit(0)
