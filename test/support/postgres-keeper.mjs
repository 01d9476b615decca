// Keeps one PostgreSQL cluster for a process of the tests: makes it, starts and kills it as told, and once that process is
// gone, however it went, stops the server and removes the folder. It is a process of its own for exactly that reason.
//
// Its one argument is JSON: {bin, folder, settings, uid?, gid?}. A line on stdin is a command (`start`, `stop`, `kill`) and
// has one line of JSON on stdout for its answer; the end of stdin is the end of everything.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

const { bin, folder, settings, uid, gid } = JSON.parse(process.argv[2] ?? '{}')
const data = join(folder, 'data')
const log = openSync(join(folder, 'log'), 'a')
// PostgreSQL refuses to run as root.
const user = uid === undefined ? {} : { uid, gid }
/** How long a start may take, in milliseconds; after a kill, that the processes of the killed server are gone included. */
const patience = 30_000

/** @type {import('node:child_process').ChildProcess | undefined} */
let server

const run = (program, args) =>
  spawn(join(bin, program), args, {
    ...user,
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8' },
    stdio: ['ignore', log, log],
  })

/** Whether the server `child` answers: it says so in the last line of its lock file. */
function isReady(child) {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    return lines[0] === String(child.pid) && lines[7]?.trim() === 'ready'
  } catch {
    return false
  }
}

async function create() {
  const options = ['-D', data, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  const [code] = await once(run('initdb', options), 'exit')
  if (code !== 0) throw new Error(`initdb ended with ${code}: ${tail()}`)
}

const tail = () => readFileSync(join(folder, 'log'), 'utf8').split('\n').slice(-6).join('\n')

async function start() {
  if (server) return
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const deadline = Date.now() + patience
  while (Date.now() < deadline) {
    const child = run('postgres', ['-D', data, '-k', folder, '-c', 'listen_addresses=', ...options])
    child.once('exit', () => {
      if (server === child) server = undefined
    })
    server = child
    while (server === child && !isReady(child) && Date.now() < deadline) await delay(10)
    if (server === child && isReady(child)) return
    // While processes of a killed server hold its memory, the next one refuses to start.
    await delay(100)
  }
  await end('SIGQUIT')
  throw new Error(`PostgreSQL does not start: ${tail()}`)
}

/** @param signal SIGINT: as fast as is orderly; SIGQUIT: at once; SIGKILL: a crash */
async function end(signal) {
  const child = server
  if (!child) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}

const commands = { start, stop: () => end('SIGINT'), kill: () => end('SIGKILL') }
const answer = value => writeSync(1, `${JSON.stringify(value)}\n`)

async function close() {
  await end('SIGQUIT')
  rmSync(folder, { recursive: true, force: true })
  process.exit()
}
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => void close())

let work = create()
const input = createInterface({ input: process.stdin })
input.on('line', line => {
  work = work.then(commands[line]).then(
    () => answer({ pid: server?.pid ?? null }),
    error => answer({ error: error.message }),
  )
})
input.on('close', () => void work.finally(close))
