import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { freePort } from '../../src/server/free-port.ts'
import { makeTlsCertificate } from './tls-certificate.ts'
import { until } from './until.ts'

const deploy = new URL('../../deploy/nginx/', import.meta.url)

const binary = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  .map(folder => join(folder, 'nginx'))
  .find(path => existsSync(path))

/**
 * Whether tests have to be left out for want of nginx, which is said once.
 * @throws where CI is `true`: there they must run
 */
export function lacksNginx(): boolean {
  if (binary !== undefined) return false
  const words = 'there is no nginx. On Debian: apt-get install nginx-light'
  if (process.env.CI === 'true') throw new Error(words)
  console.warn(`Skipped: ${words}`)
  return true
}

/** The nginx of `deploy/`, on free ports of this machine. */
export interface Nginx {
  /** `https://localhost:PORT`. */
  readonly origin: string
  readonly port: number
  readonly plainPort: number
  /** PEM, and the file that it is in: what it takes to trust it. */
  readonly ca: string
  readonly caFile: string
  /** All that it has logged, errors included. */
  log(): string
  close(): Promise<void>
}

/** `text` with each of the pairs put in the place of the other. @throws where one is not there: the file has changed */
function replaceAll(text: string, pairs: readonly (readonly [from: string, to: string])[]): string {
  return pairs.reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`there is no ${from} in it`)
    return changed.replaceAll(from, to)
  }, text)
}

/** Ports for nginx, which are to be known before those behind it are started. */
export async function nginxPorts(): Promise<{ port: number; plainPort: number; origin: string }> {
  const port = await freePort()
  return { port, plainPort: await freePort(), origin: `https://localhost:${port}` }
}

/** Starts nginx with the files of `deploy/nginx`, in which nothing but names, paths and ports is replaced. */
export async function startNginx(
  { port, plainPort, origin }: Awaited<ReturnType<typeof nginxPorts>>,
  upstreamPorts: readonly number[],
): Promise<Nginx> {
  if (binary === undefined) throw new Error('nginx is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'hufu-nginx-'))
  const write = (name: string, content: string) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const shipped = (name: string) => readFileSync(new URL(name, deploy), 'utf8')
  const { cert, key } = makeTlsCertificate()
  const caFile = write('fullchain.pem', cert)
  write('privkey.pem', key)
  for (const name of ['hufud.log', 'hufud-error.log', 'error.log']) write(name, '')
  mkdirSync(join(folder, 'temp'))
  const servers = upstreamPorts.map(each => `server 127.0.0.1:${each} max_fails=1 fail_timeout=1s;`)
  const [first = '', ...others] = [8421, 8422, 8423].map(
    each => `  server 127.0.0.1:${each} max_fails=1 fail_timeout=1s;\n`,
  )
  write(
    'upstream.conf',
    replaceAll(shipped('upstream-systemd.conf'), [
      ...others.map(line => [line, ''] as const),
      [first, `${servers.map(line => `  ${line}`).join('\n')}\n`],
    ]),
  )
  write(
    'hufud.conf',
    replaceAll(shipped('hufud.conf'), [
      ['/etc/nginx/hufud-upstream.conf', join(folder, 'upstream.conf')],
      ['listen 80;', `listen 127.0.0.1:${plainPort};`],
      ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
      ['https://accounts.example.org', origin],
      ['accounts.example.org', 'localhost'],
      ['/etc/nginx/tls', folder],
      ['/var/log/nginx', folder],
    ]),
  )
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map(name => `  ${name}_temp_path ${join(folder, 'temp', name)};\n`)
    .join('')
  const main = write(
    'nginx.conf',
    `${process.getuid?.() === 0 ? 'user root;\n' : ''}daemon off;\nworker_processes 2;\npid ${join(folder, 'nginx.pid')};\n` +
      `error_log ${join(folder, 'error.log')} warn;\nevents { worker_connections 512; }\n` +
      `http {\n${temporary}  include ${join(folder, 'hufud.conf')};\n}\n`,
  )
  const child = spawn(binary, ['-c', main, '-p', folder, '-e', join(folder, 'error.log')], { stdio: 'pipe' })
  const ended = new Promise<void>(resolve => void child.once('exit', () => resolve()))
  const log = () =>
    ['hufud.log', 'hufud-error.log', 'error.log'].map(name => readFileSync(join(folder, name), 'utf8')).join('')
  await until('nginx listens', async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: ${log()}`)
    return (await listens(port)) || undefined
  })
  return {
    origin,
    port,
    plainPort,
    ca: cert,
    caFile,
    log,
    async close() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const listens = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const probe = connect({ host: '127.0.0.1', port })
    const end = (answer: boolean) => {
      probe.destroy()
      resolve(answer)
    }
    probe.once('connect', () => end(true)).once('error', () => end(false))
  })
