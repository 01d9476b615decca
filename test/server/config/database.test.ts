import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import { describeConfig } from '../../../src/server/check-config/describe-config.ts'
import { loadConfig } from '../../../src/server/config/load-config.ts'
import { PostgresUrlInvalid, parsePostgresUrl } from '../../../src/server/config/postgres-url.ts'
import { loadSecretKey } from '../../../src/server/secret-key-file.ts'

const key = { HUFUD_SECRET_KEY: 'A'.repeat(43) }
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-database-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const load = (database: string | undefined, env: Record<string, string> = {}) =>
  loadConfig({ database }, { ...key, ...env })

describe('the address of a PostgreSQL database', () => {
  test.each([
    ['postgres://u@db.example.org/d', { host: 'db.example.org', port: 5432, security: 'verify' }],
    ['postgresql://u@db.example.org:6432/d?sslmode=verify-full', { port: 6432, security: 'verify' }],
    ['postgres://u@db/d?sslmode=disable', { security: 'none' }],
    ['postgres://u@localhost/d', { security: 'none' }],
    ['postgres://u@[::1]:5433/d', { host: '::1', port: 5433, security: 'none' }],
    ['postgres://u@10.0.0.1/d', { security: 'verify' }],
    ['postgres://u@/d?host=/var/run/postgresql', { host: '/var/run/postgresql', security: 'none' }],
    ['postgres://u@:5499/d?host=%2Ftmp%2Fx', { host: '/tmp/x', port: 5499, security: 'none' }],
    ['postgres://u%40x:p%2F%3A@h/d%20d', { user: 'u@x', password: 'p/:', database: 'd d' }],
  ])('%s', (url, members) => expect(parsePostgresUrl(url)).toMatchObject(members))

  test.each([
    ['postgres://u:zq-secret@h/d?sslmode=require', /verify-full/],
    ['postgres://u:zq-secret@h/d?sslmode=prefer', /verify-full/],
    ['postgres://u:zq-secret@h/d?sslmode=no-verify', /verify-full/],
    ['postgres://u:zq-secret@h/d?sslmode=verify-ca', /verify-full/],
    ['postgres://u:zq-secret@h/d?ssl=true', /ssl is not known/],
    ['postgres://u:zq-secret@h/d?uselibpqcompat=true', /not known/],
    ['postgres://u:zq-secret@h/d?password=zq-secret', /password is not known/],
    ['postgres://u:zq-secret@h', /database is missing/],
    ['postgres://:zq-secret@h/d', /user/],
    ['postgres://u:zq-secret@/d', /host is missing/],
    ['postgres://u:zq-secret%@h/d', /%25/],
    ['postgres://u:zq-secret@h:port/d', /USER@HOST:PORT/],
  ])('%s is refused, and not repeated', (url, words) => {
    expect(() => parsePostgresUrl(url)).toThrow(words)
    expect(() => parsePostgresUrl(url)).toThrow(PostgresUrlInvalid)
    const { message } = (() => {
      try {
        return load(undefined, { HUFUD_DATABASE: url }) as never
      } catch (error) {
        return error as Error
      }
    })()
    expect(message).toMatch(words)
    expect(message).not.toContain('zq-secret')
  })

  test('any user, password and database come out as they were put in', () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' })
    fc.assert(
      fc.property(text, text, text, (user, password, database) => {
        const [a, b, c] = [user, password, database].map(encodeURIComponent)
        // A name of dots alone is a way through folders to every parser of addresses.
        if (/^(?:\.|%2e)+$/i.test(c ?? '')) return
        expect(parsePostgresUrl(`postgres://${a}:${b}@h/${c}`)).toMatchObject({ user, password, database })
      }),
    )
  })
})

describe('where the address comes from', () => {
  test('a password on the command line is refused, with where it belongs', () => {
    expect(() => load('postgres://u:zq-secret@h/d')).toThrow(/^--database: every user.*PGPASSWORD.*HUFUD_DATABASE_FILE/)
    expect(() => load('postgres://u:zq-secret@h/d')).not.toThrow(/zq-secret/)
    expect(load('postgres://u@h/d').database).toMatchObject({ engine: 'postgres', connections: 10 })
  })

  test('HUFUD_DATABASE_FILE names a file with all of it; both at once are a mistake', () => {
    const file = join(folder, 'url')
    writeFileSync(file, 'postgres://u:p@h/d\n', { mode: 0o600 })
    expect(load(undefined, { HUFUD_DATABASE_FILE: file }).database).toMatchObject({ url: 'postgres://u:p@h/d' })
    expect(() => load(undefined, { HUFUD_DATABASE_FILE: file, HUFUD_DATABASE: 'sqlite:/x' })).toThrow(/both set/)
    expect(() => load(undefined, { HUFUD_DATABASE_FILE: `${file}.not` })).toThrow(/HUFUD_DATABASE_FILE.*ENOENT/)
  })

  test('PGPASSWORD is the password of an address without one, and of no other', () => {
    const passwordOf = (url: string) => {
      const { database } = load(undefined, { HUFUD_DATABASE: url, PGPASSWORD: 'of/env' })
      return database.engine === 'postgres' ? parsePostgresUrl(database.url).password : undefined
    }
    expect(passwordOf('postgres://u@h/d')).toBe('of/env')
    expect(passwordOf('postgres://u@/d?host=/x')).toBe('of/env')
    expect(passwordOf('postgres://u:own@h/d')).toBe('own')
  })

  test('a database elsewhere without TLS is a warning', () => {
    expect(load('postgres://u@db/d?sslmode=disable').warnings).toEqual([expect.stringContaining('in the clear')])
    expect(load('postgres://u@localhost/d').warnings).toEqual([])
  })

  test('a file of authorities that is not there is a mistake', () => {
    expect(() => load('postgres://u@h/d?sslrootcert=/nowhere')).toThrow(/sslrootcert.*ENOENT/)
  })

  test('the key must be said, and is never made up where others must have the same', () => {
    expect(() => loadConfig({ database: 'postgres://u@h/d' }, {})).toThrow(/^HUFUD_SECRET_KEY_FILE: with PostgreSQL/)
    const file = join(folder, 'key')
    const { secretKey } = loadConfig({ database: 'postgres://u@h/d' }, { HUFUD_SECRET_KEY_FILE: file })
    expect(() => loadSecretKey(secretKey, systemRandom)).toThrow(/does not exist, and all processes must have the same/)
  })

  test('check-config shows where it is and as whom, and no password', () => {
    const words = JSON.stringify(describeConfig(load(undefined, { HUFUD_DATABASE: 'postgres://u:zq-secret@h/d' })))
    expect(words).toContain('PostgreSQL, d at h:5432 as u; TLS, its certificate verified; up to 10 connections')
    expect(words).not.toContain('zq-secret')
  })
})
