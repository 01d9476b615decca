import { cpSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { environment, eventsIn, hufu, hufuExecutable } from '../support/hufu.ts'
import { Person } from '../support/person.ts'
import { lacksSecretService, type SecretService, startSecretService } from '../support/secret-service.ts'
import { sitDown, standUp } from '../support/sitting.ts'

const on = { HUFU_KEYRING: 'on' }
const auto = { HUFU_KEYRING: '' }

interface StoredLogin {
  readonly sessionId: string
  readonly sessionSecret?: string
  readonly keyring?: true
}

const fileOf = ({ home }: Person) => join(home, 'config', 'hufu', 'logins.json')
const textOf = (person: Person) => readFileSync(fileOf(person), 'utf8')
const storedBy = (person: Person, profile = 'default'): StoredLogin | undefined =>
  JSON.parse(textOf(person)).sessions[person.server.url]?.[profile]

/** A bus that takes every connection and says nothing. */
async function silentBus() {
  const socket = join(mkdtempSync(join(tmpdir(), 'hufu-bus-')), 'bus')
  const bus = createServer(() => {})
  await new Promise<void>(resolve => bus.listen(socket, resolve))
  return { bus, address: `unix:path=${socket}` }
}

describe.skipIf(lacksSecretService())('a login in the Secret Service', () => {
  let server: EphemeralServer
  let service: SecretService
  let alice: Person
  beforeAll(async () => {
    server = await startEphemeral()
  })
  afterAll(() => server.stop())
  afterEach(async () => {
    standUp()
    service.wake()
    await service.close()
  })

  /** Somebody with an account, on a machine with a keyring. */
  async function begin() {
    service = await startSecretService()
    alice = await Person.enrol(server)
  }
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = auto) =>
    alice.hufu(args, { env: { ...service.env, ...env } })
  const login = (env: Readonly<Record<string, string>> = on, ...args: string[]) =>
    run(['login', alice.username, '--verify', 'password', ...args], env)

  it('is kept there alone, serves commands, and is gone from both with the logout', async () => {
    await begin()
    expect((await login()).exitCode).toBe(0)
    const stored = storedBy(alice)
    expect(stored).toEqual({
      username: alice.username,
      sessionId: stored?.sessionId,
      expiresAt: expect.any(String),
      keyring: true,
    })
    const [[account, secret] = [], ...others] = service.entries()
    expect([account, others]).toEqual([`${server.url} default ${stored?.sessionId}`, []])
    expect(textOf(alice)).not.toContain(secret)
    expect((statSync(fileOf(alice)).mode & 0o777).toString(8)).toBe('600')
    expect(readdirSync(join(alice.home, 'config', 'hufu'))).toEqual(['logins.json'])
    expect((await run(['status'])).last).toMatchObject({ ok: true, username: alice.username })
    expect((await run(['sessions'])).exitCode).toBe(0)
    expect((await run(['logout'])).exitCode).toBe(0)
    expect([storedBy(alice), service.entries().size]).toEqual([undefined, 0])
    expect(await run(['status'])).toMatchObject({ exitCode: 3, last: { code: 'not_logged_in' } })
  })

  it('takes the place of one in the file, and the next of one in the keyring', async () => {
    await begin()
    await login({ HUFU_KEYRING: 'off' })
    const before = storedBy(alice)
    expect([typeof before?.sessionSecret, service.entries().size]).toEqual(['string', 0])
    await login()
    expect(textOf(alice)).not.toContain(before?.sessionSecret)
    const first = [...service.entries().keys()]
    await login()
    expect(service.entries().size).toBe(1)
    expect([...service.entries().keys()]).not.toEqual(first)
    expect((await run(['status'])).exitCode).toBe(0)
    await login({ HUFU_KEYRING: 'off' })
    expect(typeof storedBy(alice)?.sessionSecret).toBe('string')
    expect((await run(['status'])).exitCode).toBe(0)
  })

  it('is one for each profile', async () => {
    await begin()
    await login(on)
    await login(on, '--profile', 'work')
    await login({ HUFU_KEYRING: 'off' }, '--profile', 'cron')
    expect(service.entries().size).toBe(2)
    for (const profile of ['default', 'work', 'cron']) {
      const status = await run(['status', '--profile', profile])
      expect(status.last).toMatchObject({ session: { id: storedBy(alice, profile)?.sessionId } })
    }
    await run(['logout', '--profile', 'work'])
    expect((await run(['status'])).exitCode).toBe(0)
    expect((await run(['status', '--profile', 'cron'])).exitCode).toBe(0)
    expect(service.entries().size).toBe(1)
  })

  it('is made by several processes at once without one losing what another wrote', async () => {
    await begin()
    const profiles = ['a', 'b', 'c', 'd']
    const runs = await Promise.all(profiles.map(profile => login(on, '--profile', profile)))
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0])
    const accounts = profiles.map(profile => `${server.url} ${profile} ${storedBy(alice, profile)?.sessionId}`)
    expect([...service.entries().keys()].sort()).toEqual(accounts.sort())
    for (const profile of profiles) expect((await run(['status', '--profile', profile])).exitCode).toBe(0)
  })

  it('is that of a person at a terminal, by itself; a script’s stays in the file', async () => {
    await begin()
    await login(auto)
    expect(service.entries().size).toBe(0)
    const sitting = await sitDown(alice, 'en', ['login', alice.username, '--verify', 'password'], {
      env: { ...service.env, ...auto },
    })
    await sitting.asked(sitting.t('ask.password'))
    sitting.enter(alice.password)
    expect(await sitting.exit()).toBe(0)
    expect(service.entries().size).toBe(1)
    expect(storedBy(alice)?.keyring).toBe(true)
  })

  it('is not asked for where the file has it, nor where none is needed', async () => {
    await begin()
    await login({ HUFU_KEYRING: 'off' })
    service.hang()
    expect((await run(['status'])).exitCode).toBe(0)
    expect((await run(['key', 'list'])).exitCode).toBe(0)
    expect((await login(auto)).exitCode).toBe(0)
    expect((await run(['logout'])).exitCode).toBe(0)
  })

  it('cannot be read while the keyring is locked, hangs, has died, is off or not in the session', async () => {
    await begin()
    await login()
    const outcome = async (env: Readonly<Record<string, string>> = auto) => {
      const { exitCode, last } = await run(['status'], env)
      return [exitCode, last.code, last.reason]
    }
    const unavailable = (reason: string) => [3, 'keyring_unavailable', reason]
    expect(await outcome({ HUFU_KEYRING: 'off' })).toEqual(unavailable('off'))
    expect(await outcome({ ...auto, DBUS_SESSION_BUS_ADDRESS: '' })).toEqual(unavailable('no_service'))
    service.hang()
    expect(await outcome()).toEqual(unavailable('silent'))
    service.wake()
    expect(await outcome()).toEqual([0, undefined, undefined])
    service.lock()
    expect(await outcome()).toEqual(unavailable('locked'))
    expect((await run(['logout'])).last.reason).toBe('locked')
    expect(service.hasPrompted()).toBe(false)
    const sitting = await sitDown(alice, 'en', ['status'], { env: { ...service.env, ...auto } })
    expect(await sitting.exit()).toBe(3)
    expect(service.hasPrompted()).toBe(true)
    await service.kill()
    expect(await outcome()).toEqual(unavailable('no_service'))
    // Nothing of it has cost the login.
    expect(storedBy(alice)?.keyring).toBe(true)
    expect((await login({ HUFU_KEYRING: 'off' })).exitCode).toBe(0)
    expect((await run(['status'])).exitCode).toBe(0)
  })

  it.each(['hang', 'lock', 'kill'] as const)(
    'is kept in the file when the keyring is gone meanwhile (%s)',
    async fault => {
      await begin()
      await login()
      const sitting = await sitDown(alice, 'zh-CN', ['login', alice.username, '--verify', 'password'], {
        env: { ...service.env, ...auto },
      })
      await sitting.asked(sitting.t('ask.password'))
      await service[fault]()
      sitting.enter(alice.password)
      expect(await sitting.exit()).toBe(0)
      expect(typeof storedBy(alice)?.sessionSecret).toBe('string')
      expect(await login(on)).toMatchObject({ exitCode: 3, last: { code: 'keyring_unavailable' } })
      expect((await run(['status'])).exitCode).toBe(0)
    },
  )

  it('is no login any more where its entry was removed from the keyring', async () => {
    await begin()
    await login()
    const file = textOf(alice)
    await run(['logout'])
    writeFileSync(fileOf(alice), file)
    expect(await run(['status'])).toMatchObject({ exitCode: 3, last: { code: 'not_logged_in' } })
    expect((await login()).exitCode).toBe(0)
  })

  it('is waited for until the person breaks off, while nothing answers', async () => {
    await begin()
    await login()
    const { bus, address } = await silentBus()
    const asked = new Promise(resolve => bus.once('connection', resolve))
    const sitting = await sitDown(alice, 'en', ['status'], { env: { ...auto, DBUS_SESSION_BUS_ADDRESS: address } })
    await asked
    sitting.press('ctrl-c')
    expect(await sitting.exit()).toBe(130)
    expect(storedBy(alice)?.keyring).toBe(true)
    bus.close()
  })
})

describe('a bus that answers nothing', () => {
  it('keeps no login and no script', async () => {
    const server = await startEphemeral()
    const { bus, address } = await silentBus()
    try {
      const alice = await Person.enrol(server)
      const env = { DBUS_SESSION_BUS_ADDRESS: address }
      const args = ['login', alice.username, '--verify', 'password']
      expect((await alice.hufu(args, { env: { ...env, ...auto } })).exitCode).toBe(0)
      const insisting = await alice.hufu(args, { env: { ...env, ...on } })
      expect(insisting).toMatchObject({ exitCode: 3, last: { code: 'keyring_unavailable', reason: 'silent' } })
      expect((await alice.hufu(['status'], { env: { ...env, ...auto } })).exitCode).toBe(0)
    } finally {
      bus.close()
      await server.stop()
    }
  })
})

it('is not used where its binary is not installed', async () => {
  const server = await startEphemeral()
  try {
    const alice = await Person.enrol(server)
    const folder = mkdtempSync(join(tmpdir(), 'hufu-alone-'))
    cpSync(dirname(hufuExecutable), folder, { recursive: true })
    const login = async (wish: string) => {
      const env = environment(alice.home, {
        HUFU_PASSWORD: alice.password,
        HUFU_KEYRING: wish,
        DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(folder, 'bus')}`,
      })
      const args = ['login', alice.username, '--verify', 'password', '--server', server.url, '--json', '--no-input']
      const options = { env, extendEnv: false, reject: false } as const
      return execa(process.execPath, [join(folder, 'hufu.cjs'), ...args], options)
    }
    const insisting = await login('on')
    expect([insisting.exitCode, eventsIn(`${insisting.stdout}\n`).at(-1)?.reason]).toEqual([3, 'missing'])
    expect((await login('')).exitCode).toBe(0)
  } finally {
    await server.stop()
  }
})

it('refuses a HUFU_KEYRING that says neither on nor off', async () => {
  expect(await hufu(['status'], { env: { HUFU_KEYRING: 'yes' } })).toMatchObject({
    exitCode: 2,
    last: { code: 'input_malformed' },
  })
})
