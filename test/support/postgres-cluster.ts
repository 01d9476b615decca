import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'

/** A PostgreSQL of the tests' own: its folder is temporary, and it listens on a Unix socket in there alone. */
export interface PostgresCluster {
  /**
   * The URL of a database of this cluster, as hufud is given it.
   * @param database `hufud`, an empty one, is there from the beginning
   * @param role `hufud` may make databases, and nothing else; `postgres` may do everything
   */
  url(database: string, role?: 'hufud' | 'postgres'): string
  /** That of the server's first process; `undefined` while it is down. */
  readonly pid: number | undefined
  /** SIGKILL, and waits for the end of its first process. */
  kill(): Promise<void>
  /** Ends it in good order. */
  stop(): Promise<void>
  /** Starts it again; after a kill it recovers first. */
  start(): Promise<void>
  /** Ends it and removes its folder. That happens, too, when this process ends or dies without a word. */
  close(): Promise<void>
}

export interface ClusterOptions {
  /** What was committed survives a kill and a power cut. Left out: it need not, and every test is faster. */
  readonly durable?: boolean
  /** Left out: the usual one, which may be shared, for nothing listens there but a socket. */
  readonly port?: number
  /** Settings as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string | number>>
}

/** Where Debian puts the versions that are installed. */
const debianFolder = '/usr/lib/postgresql'

function debianBinaries(): string[] {
  if (!existsSync(debianFolder)) return []
  const versions = readdirSync(debianFolder).sort((a, b) => Number(b) - Number(a))
  return versions.map(version => join(debianFolder, version, 'bin'))
}

const onPath = (): string[] =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map(folder => join(folder, 'initdb'))
    .filter(path => existsSync(path))
    .map(path => dirname(realpathSync(path)))

const isWhole = (folder: string) => ['initdb', 'postgres'].every(name => existsSync(join(folder, name)))

/** The folder of PostgreSQL's programs: those on PATH before Debian's, the newest first. */
export const postgresBinaries: string | undefined = [...onPath(), ...debianBinaries()].find(isWhole)

/**
 * Whether tests have to be left out for want of PostgreSQL, which is said once.
 * @throws where CI is `true`: there they must run
 */
export function lacksPostgres(): boolean {
  if (postgresBinaries !== undefined) return false
  const words = 'there is no PostgreSQL (initdb, postgres). On Debian: apt-get install postgresql'
  if (process.env.CI === 'true') throw new Error(words)
  console.warn(`Skipped: ${words}`)
  return true
}

/** PostgreSQL refuses to run as root: the user that it runs as then. */
export function otherUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (what: '-u' | '-g') => Number(execFileSync('id', [what, 'nobody'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

/** PostgreSQL's own. Clusters may share it: it names the socket, and each has a folder for that. */
const usualPort = 5432
/** In bytes. */
const longestSocketPath = 107

function clusterFolder(port: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'hufu-postgres-'))
  const socket = join(folder, `.s.PGSQL.${port}`)
  if (Buffer.byteLength(socket) > longestSocketPath) throw new Error(`TMPDIR is too long for a socket: ${socket}`)
  return folder
}

const always = { max_connections: 300, shared_buffers: '64MB', max_wal_senders: 0 }
const perishable = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }

/** What the operator of a database server does for a new hufud. */
async function welcomeHufud(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('create role hufud login createdb')
  await client.query('create database hufud owner hufud')
  await client.end()
}

/** Makes a cluster and starts it. @throws where PostgreSQL is not installed or does not start, with what it says */
export async function startPostgres({
  durable = false,
  port = usualPort,
  settings = {},
}: ClusterOptions = {}): Promise<PostgresCluster> {
  if (postgresBinaries === undefined) throw new Error('PostgreSQL is not installed')
  const folder = clusterFolder(port)
  const user = otherUser()
  if (user) chownSync(folder, user.uid, user.gid)
  const description = {
    bin: postgresBinaries,
    folder,
    settings: { ...always, port, ...(durable ? {} : perishable), ...settings },
    ...user,
  }
  // In a group of its own: a Ctrl-C in the terminal is this process's to deal with.
  const keeper = spawn(
    process.execPath,
    [join(import.meta.dirname, 'postgres-keeper.mjs'), JSON.stringify(description)],
    { detached: true, stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const gone = once(keeper, 'close')
  const answers = createInterface({ input: keeper.stdout })[Symbol.asyncIterator]()
  let pid: number | undefined
  const tell = async (command: 'start' | 'stop' | 'kill') => {
    keeper.stdin.write(`${command}\n`)
    const { value, done } = await answers.next()
    if (done) throw new Error('the process that keeps PostgreSQL has ended')
    const answer = JSON.parse(value) as { pid?: number | null; error?: string }
    if (answer.error !== undefined) throw new Error(answer.error)
    pid = answer.pid ?? undefined
  }
  const close = async () => {
    keeper.stdin.end()
    await gone
  }
  const url = (database: string, role = 'hufud') =>
    `postgres://${role}@localhost:${port}/${database}?host=${encodeURIComponent(folder)}`
  try {
    await tell('start')
    await welcomeHufud(url('postgres', 'postgres'))
  } catch (error) {
    await close()
    throw error
  }
  return {
    url,
    get pid() {
      return pid
    },
    kill: () => tell('kill'),
    stop: () => tell('stop'),
    start: () => tell('start'),
    close,
  }
}
