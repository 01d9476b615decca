// The connections to PostgreSQL, over TLS with the certificate verified: a real server, real certificates.

import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CompiledQuery } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../../src/server/free-port.ts'
import { PostgresPool } from '../../../src/server/store/postgres/pool.ts'
import { lacksPostgres, otherUser, type PostgresCluster, startPostgres } from '../../support/postgres-cluster.ts'

const folder = mkdtempSync(join(tmpdir(), 'hufud-tls-'))
chmodSync(folder, 0o711)
const path = (name: string) => join(folder, name)
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function makeAuthority(name: string): void {
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.pem`,
  )
}

/** A certificate of `authority` for a host, with a key that only the server's user can read. */
function makeCertificate(host: string, authority: string): Readonly<Record<string, string>> {
  openssl('req', ...newKey, '-subj', `/CN=${host}`, '-keyout', `${host}.key`, '-out', `${host}.csr`)
  writeFileSync(path('extensions'), `subjectAltName=DNS:${host}\n`)
  const signing = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-days', '2']
  openssl('x509', '-req', '-in', `${host}.csr`, ...signing, '-extfile', 'extensions', '-out', `${host}.pem`)
  const user = otherUser()
  if (user) chownSync(path(`${host}.key`), user.uid, user.gid)
  chmodSync(path(`${host}.key`), 0o600)
  return { ssl: 'on', ssl_cert_file: path(`${host}.pem`), ssl_key_file: path(`${host}.key`) }
}

describe.skipIf(lacksPostgres())('PostgreSQL over TLS', () => {
  const clusters: PostgresCluster[] = []
  let named: number
  let otherName: number
  let withoutTls: number

  async function start(settings: Readonly<Record<string, string>>): Promise<number> {
    const port = await freePort()
    clusters.push(await startPostgres({ port, settings: { listen_addresses: '127.0.0.1', ...settings } }))
    return port
  }

  beforeAll(async () => {
    for (const name of ['authority', 'stranger']) makeAuthority(name)
    named = await start(makeCertificate('localhost', 'authority'))
    otherName = await start(makeCertificate('db.example', 'authority'))
    withoutTls = await start({})
  })
  afterAll(() => Promise.all(clusters.map(cluster => cluster.close())))

  /** What the server says of a connection by this address. */
  async function connect(port: number, options: string): Promise<unknown> {
    const url = `postgres://hufud@localhost:${port}/hufud?${options}`
    const pool = new PostgresPool(url, { connections: 1, statementTimeout: 5000, preparesStatements: true })
    try {
      return await pool.use(async connection => {
        const own = 'select ssl, version from pg_stat_ssl where pid = pg_backend_pid()'
        const { rows } = await connection.executeQuery(CompiledQuery.raw(own))
        return rows[0]
      })
    } finally {
      await pool.close()
    }
  }
  const trusting = (authority: string) =>
    `sslmode=verify-full&sslrootcert=${encodeURIComponent(path(`${authority}.pem`))}`

  test('a certificate of the authority that is named, for this host', async () => {
    expect(await connect(named, trusting('authority'))).toEqual({ ssl: true, version: 'TLSv1.3' })
  })

  test.each([
    ['of another authority', () => connect(named, trusting('stranger')), /certificate|self.signed/i],
    [
      'of an authority that the system does not know',
      () => connect(named, 'sslmode=verify-full'),
      /certificate|self.signed/i,
    ],
    ['for another host', () => connect(otherName, trusting('authority')), /altnames.*db\.example/],
    ['none: the server has no TLS', () => connect(withoutTls, trusting('authority')), /does not support SSL/],
  ])('a certificate %s: refused, with why', async (_name, attempt, why) => {
    await expect(attempt()).rejects.toThrow(why)
  })

  test('without TLS where that is stated', async () => {
    expect(await connect(named, 'sslmode=disable')).toEqual({ ssl: false, version: null })
  })
})
