import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { udevRule } from '../../src/hid/transports/node-hid.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import {
  type SecurityKeyOptions,
  type SecurityKeySimulator,
  startSecurityKey,
} from '../../src/simulators/security-key/index.ts'
import { freshHome, type HufuOptions, hufu, startHufu } from '../support/hufu.ts'
import { type UsbKey, UsbPorts } from '../support/usb-ports.ts'

const open: SecurityKeySimulator[] = []
async function keyOf(options: Partial<SecurityKeyOptions> = {}): Promise<SecurityKeySimulator> {
  const key = await startSecurityKey({ clock: systemClock, random: systemRandom, ...options })
  open.push(key)
  return key
}
afterAll(() => Promise.all(open.map(key => key.close())))

const on = (key: SecurityKeySimulator, args: readonly string[], options?: HufuOptions) =>
  hufu(['key', ...args, '--device', key.address], options)

/** A file of one line, for its owner alone. */
function secretFile(line: string): string {
  const file = join(freshHome(), 'secret')
  writeFileSync(file, `${line}\n`, { mode: 0o600 })
  return file
}

const pinOf = async (key: SecurityKeySimulator) => (await on(key, ['info'])).last

describe('hufu key, for scripts', () => {
  it('sets a PIN from a file, changes it from stdin, and never says it', async () => {
    const key = await keyOf()
    const set = await on(key, ['pin', 'set', '--pin-file', secretFile('tiger tally')])
    expect(set.last).toMatchObject({ event: 'result', ok: true, path: key.address, pin: 'set' })
    const input = 'tiger tally\ntwo halves\n'
    const changed = await on(key, ['pin', 'change', '--pin-file', '-', '--new-pin-file', '-'], { input })
    expect(changed.last).toMatchObject({ event: 'result', ok: true, pin: 'set' })
    const env = { HUFU_PIN: 'two halves', HUFU_NEW_PIN: '虎符' }
    expect((await on(key, ['pin', 'change'], { env })).last).toMatchObject({ code: 'key_pin_length', exit_code: 5 })
    const again = await on(key, ['pin', 'change'], { env: { ...env, HUFU_NEW_PIN: '虎符虎符' } })
    expect(again.exitCode).toBe(0)
    for (const { stdout, stderr } of [set, changed, again]) expect(stdout + stderr).not.toMatch(/tiger|halves|虎符/)
  })

  it('tries a wrong PIN once, and says how many tries are left', async () => {
    const key = await keyOf({ pin: '123456' })
    const env = { HUFU_PIN: '654321', HUFU_NEW_PIN: '111111' }
    const { exitCode, last, stderr } = await on(key, ['pin', 'change'], { env })
    expect(exitCode).toBe(4)
    expect(last).toMatchObject({ code: 'key_pin_invalid', tries_left: 7 })
    expect(stderr).not.toContain('654321')
    expect(await pinOf(key)).toMatchObject({ pin: 'set', pin_retries: 7 })
  })

  it('says when the key takes no more, at once', async () => {
    const key = await keyOf({ pin: '123456' })
    const env = { HUFU_PIN: '654321', HUFU_NEW_PIN: '111111' }
    const codes: unknown[] = []
    for (let round = 0; round < 4; round++) codes.push((await on(key, ['pin', 'change'], { env })).last.code)
    expect(codes).toEqual(['key_pin_invalid', 'key_pin_invalid', 'key_pin_auth_blocked', 'key_pin_auth_blocked'])
    expect(await pinOf(key)).toMatchObject({ pin_retries: 5, pin_power_cycle_needed: true })
    for (let unplugged = 0; unplugged < 3; unplugged++) {
      key.powerCycle()
      for (let round = 0; round < 3; round++) await on(key, ['pin', 'change'], { env })
    }
    const { exitCode, last } = await on(key, ['pin', 'change'], { env })
    expect(exitCode).toBe(5)
    expect(last).toMatchObject({ code: 'key_pin_blocked', tries_left: 0 })
  }, 60_000)

  it('erases a key when the word is given, and only at a touch', async () => {
    const key = await keyOf({ pin: '123456', touch: 'never' })
    expect((await on(key, ['reset'])).last).toMatchObject({ code: 'input_required', options: ['--confirm reset'] })
    expect((await on(key, ['reset', '--confirm', 'RESET'])).exitCode).toBe(2)
    const running = startHufu(['key', 'reset', '--confirm', 'reset', '--device', key.address])
    await running.seen('touch')
    key.touch()
    const { sequence, exitCode } = await running.finished
    expect([sequence, exitCode]).toEqual([['touch', 'result'], 0])
    expect(await pinOf(key)).toMatchObject({ pin: 'not_set' })
  })

  it.each([
    ['SIGINT', [], 130, 'cancelled'],
    ['no touch', ['--timeout', '1'], 8, 'timed_out'],
  ] as const)(
    'erases nothing on %s before the touch, and lets the key stop blinking',
    async (_what, more, exit, code) => {
      const key = await keyOf({ pin: '123456', touch: 'never' })
      const running = startHufu(['key', 'reset', '--confirm', 'reset', '--device', key.address, ...more])
      await running.seen('touch')
      if (code === 'cancelled') running.kill('SIGINT')
      const { exitCode, last } = await running.finished
      expect([exitCode, last.code]).toEqual([exit, code])
      expect(key.received.cancel).toBe(1)
      expect(await pinOf(key)).toMatchObject({ pin: 'set' })
    },
  )

  it('tells what getInfo answered, members that nobody knows included', async () => {
    const extraInfo = new Map<number, bigint | Uint8Array>([
      [0x3e, 2n ** 64n - 1n],
      [0x3f, Uint8Array.of(0, 255)],
    ])
    const { last } = await on(await keyOf({ extraInfo, profile: 'ctap2.0' }), ['info'])
    expect(last).toMatchObject({
      protocol: 'FIDO2',
      algorithms: [],
      pin_retries: null,
      members: { 62: '18446744073709551615', 63: "h'00ff'" },
    })
  })

  it('fails at an address where no key is, and at one that is none', async () => {
    const nobody = await hufu(['key', 'info', '--device', 'udp:127.0.0.1:1'])
    expect([nobody.exitCode, nobody.last.code]).toEqual([8, 'key_not_found'])
    const none = await hufu(['key', 'info', '--device', 'udp:nowhere'])
    expect([none.exitCode, none.last.code]).toEqual([2, 'key_device_invalid'])
  })
})

describe('keys on USB', () => {
  let usb: UsbPorts
  let tiger: UsbKey
  let env: Record<string, string>
  beforeEach(async () => {
    usb = new UsbPorts()
    env = { ...usb.env, HUFU_PIN: '123456' }
    tiger = await usb.key('Tiger', { pin: '123456', touch: 'automatic' })
    usb.plugIn(tiger)
  })
  afterEach(() => usb.clear())

  it('are listed whether they can be opened or not', async () => {
    usb.plugIn(await usb.key('Tally', { profile: 'u2f' }))
    usb.plugInClosed('Locked')
    const { last, exitCode } = await hufu(['key', 'list'], { env })
    expect(exitCode).toBe(0)
    expect(last.keys).toMatchObject([
      { path: '/dev/hidraw0', usable: true, protocol: 'FIDO2.1', pin: 'set' },
      { path: '/dev/hidraw1', usable: true, protocol: 'U2F', pin: 'unsupported' },
      { path: '/dev/hidraw2', usable: false, error: 'key_no_permission', udev_rule: udevRule },
    ])
  })

  it('are asked for by name when there are several, and taken by path', async () => {
    usb.plugIn(await usb.key('Tally', { profile: 'u2f' }))
    const { last, exitCode } = await hufu(['key', 'info'], { env })
    expect(exitCode).toBe(2)
    expect(last).toMatchObject({ code: 'input_required', options: ['--device /dev/hidraw0', '--device /dev/hidraw1'] })
    expect((await hufu(['key', 'info', '/dev/hidraw1'], { env })).last).toMatchObject({ protocol: 'U2F' })
    expect((await hufu(['key', 'info', '--device', '/dev/hidraw0'], { env })).last).toMatchObject({ pin: 'set' })
  })

  it('have their faults told by hufu doctor, with the commands that mend them', async () => {
    const well = await hufu(['doctor'], { env })
    expect(well.exitCode).toBe(0)
    expect(well.last.checks).toMatchObject([
      { name: 'usb', state: 'ok', fix: [] },
      { name: 'key', state: 'ok' },
    ])
    usb.plugInClosed('Locked')
    const { sequence, events, exitCode } = await hufu(['doctor'], { env })
    expect([exitCode, sequence]).toEqual([5, ['check', 'check', 'check', 'error']])
    expect(events[2]).toMatchObject({
      section: 'security_keys',
      name: 'key',
      state: 'fail',
      fix: [
        `echo '${udevRule}' | sudo tee -a /etc/udev/rules.d/70-security-key.rules`,
        'sudo udevadm control --reload',
      ],
    })
  })

  it('are erased after they were unplugged and plugged in; Ctrl-C meanwhile erases nothing', async () => {
    const broken = startHufu(['key', 'reset', '--confirm', 'reset'], { env })
    await broken.seen('unplug')
    broken.kill('SIGINT')
    expect((await broken.finished).exitCode).toBe(130)
    const running = startHufu(['key', 'reset', '--confirm', 'reset'], { env })
    await running.seen('unplug')
    usb.pullOut(tiger)
    await running.seen('plug_in')
    expect(await pinOf(tiger)).toMatchObject({ pin: 'set' })
    usb.plugIn(tiger)
    const { sequence, last } = await running.finished
    expect(sequence).toEqual(['unplug', 'plug_in', 'touch', 'result'])
    expect(last).toMatchObject({ path: '/dev/hidraw1', name: 'Tiger' })
    expect(await pinOf(tiger)).toMatchObject({ pin: 'not_set' })
  })
})
