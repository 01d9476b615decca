import { describe, expect, it } from 'vitest'
import { run as doctor } from '../../src/commands/doctor.ts'
import { CtapError } from '../../src/hid/index.ts'
import { fakeContext } from './fake-context.ts'
import { fakeKey, fakePorts, info, type Port, portOf, u2fInfo, withPin } from './key/fake-keys.ts'

const rule = 'KERNEL=="hidraw*", ATTRS{idVendor}=="1050", TAG+="uaccess"'
const path = '/dev/hidraw0'

async function examine(ports: Port[], options: Parameters<typeof fakeContext>[0] = {}) {
  const around = await fakeContext({ openAuthenticators: fakePorts(...ports).openAuthenticators, ...options })
  const code = await doctor(around.context).then(
    () => undefined,
    (error: { code: string }) => error.code,
  )
  return { code, text: around.stdout() }
}

const broken = (error: CtapError) => ({
  openAuthenticators: () => Promise.reject(error),
})

describe('hufu doctor', () => {
  it('tells what is well', async () => {
    const keys = [
      fakeKey({ info: withPin() }),
      fakeKey({ name: 'New', path: '/dev/hidraw1' }),
      fakeKey({ name: 'Old', path: '/dev/hidraw2', protocol: 'u2f', info: u2fInfo() }),
      fakeKey({ name: 'Plain', path: '/dev/hidraw3', info: info({ options: new Map() }) }),
    ]
    const { code, text } = await examine(keys.map(portOf))
    expect(code).toBeUndefined()
    expect(text).toBe(`Security keys
  ✓ USB can be reached.
  ✓ Tiger (/dev/hidraw0): FIDO2.1, its PIN is set, 8 tries left.
  ✓ New (/dev/hidraw1): FIDO2.1, it has no PIN yet. Servers that ask for one need it: hufu key pin set.
  ✓ Old (/dev/hidraw2): U2F, it knows no PIN. It is good for confirming a login, not for servers that ask for a PIN.
  ✓ Plain (/dev/hidraw3): FIDO2.1, it knows no PIN; a touch is all it takes.
`)
  })

  it('gives the commands that install the udev rule, and fails', async () => {
    const key = new CtapError('key_no_permission', 'no', { udevRule: rule })
    const { code, text } = await examine([{ path, name: 'Locked', key }])
    expect(code).toBe('doctor_found_faults')
    expect(text).toContain(`
  ✗ Locked (/dev/hidraw0): This user may not open the security key. Run these lines, then plug the key in again:
    echo '${rule}' | sudo tee -a /etc/udev/rules.d/70-security-key.rules
    sudo udevadm control --reload
`)
  })

  it.each([
    ['key_needs_administrator', 'started as administrator'],
    ['key_busy', 'in use by another program'],
    ['key_silent', 'does not answer'],
  ] as const)('has words for %s', async (code, words) => {
    const examined = await examine([{ path, name: 'Tiger', key: new CtapError(code, 'no') }])
    expect(examined.code).toBe('doctor_found_faults')
    expect(examined.text).toContain(words)
  })

  it.each([
    ['libusb-1.0.so.0', 'apt install libusb-1.0-0'],
    ['libudev.so.1', 'apt install libudev1'],
  ])('names the package that brings %s', async (missingLibrary, command) => {
    const error = new CtapError('key_hid_unavailable', 'no', { missingLibrary })
    const { code, text } = await examine([], broken(error))
    expect(code).toBe('doctor_found_faults')
    expect(text).toContain(`the library ${missingLibrary} is missing`)
    expect(text).toContain(`\n    ${command}\n`)
  })

  it('says so when node-hid does not load for a reason it does not know', async () => {
    const { code, text } = await examine([], broken(new CtapError('key_hid_unavailable', 'no')))
    expect(code).toBe('doctor_found_faults')
    expect(text).toContain('Install hufu again with npm.')
  })

  it.each([
    ['is locked', withPin(), 0, false, 'warn', ['hufu key reset']],
    ['wants a replug', withPin(), 5, true, 'warn', []],
    ['wants another PIN', withPin({ forcePinChange: true }), 8, false, 'warn', ['hufu key pin change']],
  ])('warns of a key that %s, and does not fail', async (_what, about, left, powerCycleNeeded, state, fix) => {
    const key = fakeKey({ info: about, pinRetries: async () => ({ left, powerCycleNeeded }) })
    const { code, text } = await examine([portOf(key)], { terminal: { json: true } })
    expect(code).toBeUndefined()
    const lines = text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.map(({ event }) => event)).toEqual(['check', 'check', 'result'])
    expect(lines[1]).toMatchObject({ section: 'security_keys', name: 'key', state, fix })
    expect(lines[2].checks).toEqual(lines.slice(0, 2).map(({ event: _event, ...check }) => check))
  })

  it('finds nothing wrong with a machine without keys', async () => {
    const { code, text } = await examine([])
    expect(code).toBeUndefined()
    expect(text).toBe('Security keys\n  ✓ USB can be reached.\n  · No security key is plugged in.\n')
  })

  it('fails when the key that --device names is not there, and says nothing of USB', async () => {
    const { code, text } = await examine([], { device: 'udp:localhost:1' })
    expect(code).toBe('doctor_found_faults')
    expect(text).toBe('Security keys\n  ✗ No security key was plugged in. Plug it in and run the command again.\n')
  })

  it('ends at what no check explains', async () => {
    const { code } = await examine([], broken(new CtapError('key_cancelled', 'stopped')))
    expect(code).toBe('key_cancelled')
  })
})
