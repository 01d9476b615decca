import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openProfiles, profileDirectory } from '../../src/cli/profile.ts'

const origin = 'https://accounts.example.org'
const session = { username: 'alice', sessionSecret: 's', sessionId: 'i', expiresAt: '2026-12-01T00:00:00.000Z' }
let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'hufu-profile-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))
const open = () => openProfiles({ HOME: home }, 'linux')
const mode = (path: string) => statSync(path).mode & 0o777

describe('the file of logins', () => {
  it('is for its owner alone, and so is its directory', () => {
    const store = open()
    store.save(origin, 'default', session)
    expect(mode(store.file)).toBe(0o600)
    expect(mode(profileDirectory({ HOME: home }, 'linux'))).toBe(0o700)
  })

  it('is closed again where it was opened to others', () => {
    const store = open()
    store.save(origin, 'default', session)
    chmodSync(store.file, 0o644)
    chmodSync(profileDirectory({ HOME: home }, 'linux'), 0o755)
    store.save(origin, 'work', session)
    expect(mode(store.file)).toBe(0o600)
    expect(mode(profileDirectory({ HOME: home }, 'linux'))).toBe(0o700)
  })

  it('keeps one login per server and profile, and the last server', () => {
    open().save(origin, 'default', session)
    open().save(origin, 'work', { ...session, username: 'bob' })
    open().save('http://localhost:8080', 'default', { ...session, username: 'carol' })
    const store = open()
    expect(store.session(origin, 'default')).toEqual(session)
    expect(store.session(origin, 'work')?.username).toBe('bob')
    expect(store.defaultServer).toBe('http://localhost:8080')
    store.clear(origin, 'default', 'i')
    expect(open().session(origin, 'default')).toBeUndefined()
    expect(open().session(origin, 'work')?.username).toBe('bob')
    expect(open().defaultServer).toBe('http://localhost:8080')
  })

  it('keeps the session that came in the place of the one that is cleared', () => {
    const store = open()
    store.save(origin, 'default', session)
    const late = open()
    store.save(origin, 'default', { ...session, sessionId: 'newer' })
    late.clear(origin, 'default', 'i')
    expect(open().session(origin, 'default')?.sessionId).toBe('newer')
    expect(existsSync(`${store.file}.lock`)).toBe(false)
  })

  it('tells what a login replaced, and has no secret that lies elsewhere', () => {
    const { sessionSecret: _, ...elsewhere } = session
    expect(open().save(origin, 'default', session)).toBeUndefined()
    expect(open().save(origin, 'default', elsewhere)).toEqual(session)
    expect(open().session(origin, 'default')).toEqual({ ...elsewhere, keyring: true })
    expect(readFileSync(open().file, 'utf8')).not.toContain('sessionSecret')
  })

  it('waits for another process that is just changing it, and loses nothing of what that writes', async () => {
    const store = open()
    store.save(origin, 'default', session)
    const { file } = store
    const theirs = JSON.parse(readFileSync(file, 'utf8'))
    theirs.sessions[origin].theirs = session
    writeFileSync(`${file}.lock`, '')
    const program = `
      const { rmSync, writeFileSync } = require('node:fs')
      const { file, text } = require('node:worker_threads').workerData
      setTimeout(() => {
        writeFileSync(file, text)
        rmSync(file + '.lock')
      }, 200)`
    const other = new Worker(program, { eval: true, workerData: { file, text: JSON.stringify(theirs) } })
    const ended = once(other, 'exit')
    await once(other, 'online')
    store.save(origin, 'ours', session)
    await ended
    for (const name of ['default', 'theirs', 'ours']) expect(open().session(origin, name)).toEqual(session)
  })

  it('goes on past the lock of a process that has died', () => {
    open().save(origin, 'default', session)
    writeFileSync(`${open().file}.lock`, '')
    open().save(origin, 'work', session)
    expect(open().session(origin, 'work')).toEqual(session)
    expect(existsSync(`${open().file}.lock`)).toBe(false)
  })

  it('is not written by reading it, nor by clearing what is not there', () => {
    const store = open()
    store.clear(origin, 'default', 'i')
    expect(store.session(origin, 'default')).toBeUndefined()
    expect(() => statSync(store.file)).toThrow('ENOENT')
  })

  it('is refused in words when it is damaged, and left as it is', () => {
    const store = open()
    store.save(origin, 'default', session)
    writeFileSync(store.file, '{"sess')
    expect(open).toThrow(expect.objectContaining({ code: 'profile_unreadable' }))
    expect(readFileSync(store.file, 'utf8')).toBe('{"sess')
  })

  it('gives no login that lacks a part', () => {
    const store = open()
    store.save(origin, 'default', session)
    writeFileSync(store.file, JSON.stringify({ sessions: { [origin]: { default: { username: 'alice' } } } }))
    expect(open().session(origin, 'default')).toBeUndefined()
  })
})
