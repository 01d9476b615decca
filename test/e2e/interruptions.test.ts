import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { type SecurityKeySimulator, startSecurityKey } from '../../src/simulators/security-key/index.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import type { RunningHufu } from '../support/hufu.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { until } from '../support/until.ts'

let server: EphemeralServer
let person: Person
let key: SecurityKeySimulator
beforeAll(async () => {
  server = await startEphemeral()
  person = await Person.loggedIn(server, { email: freshAddress(), phone: freshNumber() })
  await person.bindApp()
  key = await startSecurityKey({ clock: systemClock, random: systemRandom, touch: 'never' })
})
afterAll(async () => {
  await key.close()
  await server.stop()
})

const never = ['--code-command', 'sleep 60 2>/dev/null']

/** A command of each kind, in the middle of what it does. */
const middles: readonly [string, () => Promise<RunningHufu>][] = [
  ['bind phone', () => started(['bind', 'phone', freshNumber(), ...never], 'code_sent')],
  ['bind email', () => started(['bind', 'email', freshAddress(), ...never], 'code_sent')],
  ['bind totp', () => started(['bind', 'totp', ...never], 'qr')],
  ['bind wechat', () => started(['bind', 'wechat'], 'qr')],
  ['bind webauthn', () => started(['bind', 'webauthn', '--device', key.address], 'touch')],
  ['passwd', () => started(['passwd', '--verify', 'email', ...never], 'code_sent')],
]

async function started(args: string[], event: string): Promise<RunningHufu> {
  const running = person.start(args)
  await running.seen(event)
  return running
}

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', signal => {
  it.each(middles)('in the middle of %s leaves the account as it was', async (_name, start) => {
    const { items } = await person.status()
    const cancels = key.received.cancel ?? 0
    const running = await start()
    running.kill(signal)
    const run = await running.finished
    expect([run.exitCode, run.last.event, run.last.code], run.stderr).toEqual([130, 'error', 'cancelled'])
    const after = (await person.status()).items
    // The password was used to confirm; nothing else may differ.
    expect(after.map(item => ({ ...item, last_used_at: null }))).toEqual(
      items.map(item => ({ ...item, last_used_at: null })),
    )
    if (_name === 'bind webauthn') {
      await until('the key stops blinking', () => ((key.received.cancel ?? 0) > cancels ? true : undefined))
    }
  })
})

it.each(['SIGINT', 'SIGTERM'] as const)('after %s a QR code that is scanned binds nothing', async signal => {
  const running = await started(['bind', 'wechat'], 'qr')
  const { payload } = await running.seen('qr')
  running.kill(signal)
  expect((await running.finished).exitCode).toBe(130)
  await server.scan(String(payload), 'late-scanner')
  expect((await person.status()).items.find(({ item }) => item === 'wechat')?.set).toBe(false)
})

describe('--timeout', () => {
  // Where the system has no USB at all, that is what is said, at once.
  const hasUsb = async () => {
    const { devices } = await import('node-hid')
    devices()
    return true
  }
  it('ends the wait for a key that nobody plugs in, and that is said', async () => {
    if (!(await hasUsb().catch(() => false))) {
      const run = await person.hufu(['bind', 'webauthn'])
      expect([run.exitCode, run.last.code], run.stderr).toEqual([5, 'key_hid_unavailable'])
      return
    }
    const running = person.start(['bind', 'webauthn', '--timeout', '4'])
    await running.said(/[Pp]lug in/)
    const run = await running.finished
    expect([run.exitCode, run.last.code], run.stderr).toEqual([8, 'timed_out'])
    expect((await person.item('webauthn')).set).toBe(false)
  })

  it('ends the wait for a key that is not at the address given', async () => {
    const run = await person.hufu(['bind', 'webauthn', '--device', 'udp:127.0.0.1:9'])
    expect([run.exitCode, run.last.code], run.stderr).toEqual([8, 'key_not_found'])
  })

  it('ends the wait for a touch, and the key stops blinking', async () => {
    const cancels = key.received.cancel ?? 0
    const run = await person.hufu(['bind', 'webauthn', '--device', key.address, '--timeout', '3'])
    expect([run.exitCode, run.last.code], run.stderr).toEqual([8, 'timed_out'])
    expect(run.sequence).toEqual(['step_up', 'touch', 'error'])
    await until('the key stops blinking', () => ((key.received.cancel ?? 0) > cancels ? true : undefined))
  })

  it('ends the wait for a scan', async () => {
    const run = await person.hufu(['bind', 'wechat', '--timeout', '3'])
    expect([run.exitCode, run.last.code], run.stderr).toEqual([8, 'timed_out'])
    expect(run.sequence).toEqual(['step_up', 'qr', 'error'])
  })
})
