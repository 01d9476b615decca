import { describe, expect, it } from 'vitest'
import { run as info } from '../../../src/commands/key/info.ts'
import { run as list } from '../../../src/commands/key/list.ts'
import { run as wink } from '../../../src/commands/key/wink.ts'
import { CtapError } from '../../../src/hid/index.ts'
import type { CborMap } from '../../../src/lib/cbor.ts'
import { fakeContext } from '../fake-context.ts'
import { info as aboutKey, fakeKey, fakePorts, portOf, u2fInfo, withPin } from './fake-keys.ts'

const rule = 'KERNEL=="hidraw*", ATTRS{idVendor}=="1050", TAG+="uaccess"'
const locked = (path: string) => ({
  path,
  name: 'Locked',
  key: new CtapError('key_no_permission', 'no', { device: 'Locked', udevRule: rule }),
})
const lastLine = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '')

describe('hufu key list', () => {
  const tiger = fakeKey({ info: withPin() })
  const old = fakeKey({ name: 'Old', path: '/dev/hidraw1', protocol: 'u2f', info: u2fInfo() })

  it('shows every key with its protocol and PIN, those that cannot be opened with the reason and one rule', async () => {
    const { openAuthenticators, isOpen } = fakePorts(portOf(tiger), portOf(old), locked('/dev/h2'), locked('/dev/h3'))
    const { context, stdout } = await fakeContext({ openAuthenticators })
    await list(context)
    expect(stdout()).toBe(`  Name    Path          Protocol    PIN
  Tiger   /dev/hidraw0  FIDO2.1     set
  Old     /dev/hidraw1  U2F         none
  Locked  /dev/h2       not usable
  Locked  /dev/h3       not usable

✗ Locked: This user may not open the security key.

✗ Locked: This user may not open the security key.

Run these lines, then plug the key in again:

echo '${rule}' | sudo tee -a /etc/udev/rules.d/70-security-key.rules
sudo udevadm control --reload
`)
    expect(isOpen()).toBe(false)
  })

  it('says what to do where there is no rule to install', async () => {
    const key = new CtapError('key_no_permission', 'no', { device: 'Locked' })
    const { openAuthenticators } = fakePorts({ path: '/dev/h2', name: 'Locked', key })
    const { context, stdout } = await fakeContext({ openAuthenticators })
    await list(context)
    expect(stdout()).toContain('security key.\n  Allow it in the settings of the system')
    expect(stdout()).not.toContain('udev')
  })

  it('tells scripts all of it', async () => {
    const { openAuthenticators } = fakePorts(portOf(tiger), locked('/dev/h2'))
    const { context, stdout } = await fakeContext({ openAuthenticators, terminal: { json: true } })
    await list(context)
    expect(JSON.parse(stdout())).toEqual({
      event: 'result',
      ok: true,
      keys: [
        {
          path: '/dev/hidraw0',
          name: 'Tiger',
          usable: true,
          protocol: 'FIDO2.1',
          versions: ['FIDO_2_1', 'FIDO_2_0', 'U2F_V2'],
          aaguid: 'abababab-abab-abab-abab-abababababab',
          pin: 'set',
          firmware: 328_707,
          device_version: '5.4.3',
        },
        { path: '/dev/h2', name: 'Locked', usable: false, error: 'key_no_permission', udev_rule: rule },
      ],
    })
  })

  it('says that there is none, which is no failure', async () => {
    const { context, stdout } = await fakeContext({ openAuthenticators: fakePorts().openAuthenticators })
    await list(context)
    expect(stdout()).toBe('No security key is plugged in.\n')
  })

  it('says of a key that does not answer that it does not', async () => {
    const { openAuthenticators } = fakePorts({ path: 'udp:localhost:1', name: 'udp:localhost:1' })
    const { context, stdout } = await fakeContext({ openAuthenticators, device: 'udp:localhost:1' })
    await list(context)
    expect(stdout()).toContain('✗ udp:localhost:1: The security key does not answer.\n  Unplug it')
  })

  it('fails when the key that --device names is not there', async () => {
    const { openAuthenticators } = fakePorts(portOf(tiger))
    const { context } = await fakeContext({ openAuthenticators, device: '/dev/hidraw9' })
    await expect(list(context)).rejects.toMatchObject({ code: 'key_not_found' })
  })

  it.each([
    [['FIDO_2_0'], 'FIDO2'],
    [['U2F_V2', 'FIDO_2_0', 'FIDO_2_1_PRE'], 'FIDO2'],
    [['FIDO_2_0', 'FIDO_2_1', 'FIDO_2_2'], 'FIDO2.2'],
  ])('calls a key with the versions %j %s', async (versions, name) => {
    const key = fakeKey({ info: aboutKey({ versions }) })
    const { openAuthenticators } = fakePorts(portOf(key))
    const { context, stdout } = await fakeContext({ openAuthenticators, terminal: { json: true } })
    await list(context)
    expect(lastLine(stdout()).keys[0].protocol).toBe(name)
  })
})

describe('hufu key info', () => {
  const members: CborMap = new Map<number | string, never>([
    [0x01, ['FIDO_2_1'] as never],
    [0x0c, true as never],
    [0x14, 24 as never],
    [0x15, [1, 2n ** 63n] as never],
    [0x7f, new Map<string, unknown>([['a\u001b[31m', new Uint8Array([1, 255])]]) as never],
    ['x', null as never],
  ])
  const about = aboutKey({
    options: new Map([
      ['rk', true],
      ['uv', true],
      ['clientPin', true],
      ['alwaysUv', false],
      ['shiny\u001b[5m', true],
    ]),
    algorithms: [-7, -8, -257, -999],
    forcePinChange: true,
    members,
  })
  const key = fakeKey({ info: about, pinRetries: async () => ({ left: 1, powerCycleNeeded: true }) })

  it('says in words what is known, and does not leave out what is not', async () => {
    const { context, stdout } = await fakeContext({ openAuthenticators: fakePorts(portOf(key)).openAuthenticators })
    await info(context, { path: undefined })
    expect(stdout()).toBe(`Tiger
  Path: /dev/hidraw0
  Protocol: FIDO2.1 (FIDO_2_1, FIDO_2_0, U2F_V2)
  Model (AAGUID): abababab-abab-abab-abab-abababababab
  Firmware: 5.4.3 (328707)
  PIN: set, 1 try left, no more until it is unplugged and plugged in, to be changed before it is used
  Shortest PIN: 6 characters
  PIN protocols: 2, 1
  Knows your finger or face: yes, 5 tries left
  Keeps logins by itself: yes, room for 24 more
  Signatures: ES256, EdDSA, RS256, -999
  Ways to reach it: usb
  Extensions: credProtect
  Longest request: 1200 bytes
  Credentials in a request: 8, at most 128 bytes each
  Can show itself (wink): yes

  What it can do:
    ✓ rk: keeps logins by itself
    ✓ uv: knows its user by finger or face
    ✓ clientPin: has a PIN
    ✗ alwaysUv: wants the PIN or a finger every time
    ✓ shiny

  What else it tells:
    vendorPrototypeConfigCommands: [1, 9223372036854775808]
    0x7f: {"a\\u001b[31m": h'01ff'}
    "x": null
`)
  })

  it('gives scripts every member, known or not, without loss', async () => {
    const { openAuthenticators } = fakePorts(portOf(key))
    const { context, stdout } = await fakeContext({ openAuthenticators, terminal: { json: true } })
    await info(context, { path: undefined })
    expect(JSON.parse(stdout())).toMatchObject({
      event: 'result',
      pin: 'set',
      pin_retries: 1,
      pin_power_cycle_needed: true,
      pin_must_change: true,
      min_pin_length: 6,
      uv_retries: 5,
      algorithms: [
        { alg: -7, name: 'ES256' },
        { alg: -8, name: 'EdDSA' },
        { alg: -257, name: 'RS256' },
        { alg: -999, name: '-999' },
      ],
      options: { rk: true, uv: true, clientPin: true, alwaysUv: false, 'shiny\u001b[5m': true },
      members: {
        1: '["FIDO_2_1"]',
        12: 'true',
        20: '24',
        21: '[1, 9223372036854775808]',
        127: '{"a\\u001b[31m": h\'01ff\'}',
        '"x"': 'null',
      },
    })
  })

  it('goes without the tries that a key does not tell', async () => {
    const untold = () => Promise.reject(new CtapError('key_refused', 'CTAP1_ERR_INVALID_PARAMETER'))
    const old = fakeKey({ info: about, pinRetries: untold, uvRetries: untold })
    const { context, stdout } = await fakeContext({ openAuthenticators: fakePorts(portOf(old)).openAuthenticators })
    await info(context, { path: undefined })
    expect(stdout()).toContain('PIN: set\n')
    expect(stdout()).toContain('Knows your finger or face: yes\n')
  })

  it('asks a U2F key nothing that it does not know', async () => {
    const old = fakeKey({
      protocol: 'u2f',
      info: u2fInfo(),
      pinRetries: () => Promise.reject(new TypeError('U2F')),
      uvRetries: () => Promise.reject(new TypeError('U2F')),
    })
    const { context, stdout } = await fakeContext({ openAuthenticators: fakePorts(portOf(old)).openAuthenticators })
    await info(context, { path: undefined })
    expect(stdout()).toContain('Protocol: U2F (U2F_V2)')
    expect(stdout()).toContain('PIN: none\n')
    expect(stdout()).not.toContain('Shortest PIN')
  })
})

describe('hufu key wink', () => {
  it('has the key show itself', async () => {
    let winked = 0
    const key = fakeKey({ wink: async () => void winked++ })
    const { openAuthenticators, isOpen } = fakePorts(portOf(key))
    const { context, stdout } = await fakeContext({ openAuthenticators })
    await wink(context, { path: undefined })
    expect([winked, isOpen()]).toEqual([1, false])
    expect(stdout()).toBe('✓ Tiger shows itself now: look for the one that blinks.\n')
  })

  it('says of a key that cannot', async () => {
    const { context } = await fakeContext({
      openAuthenticators: fakePorts(portOf(fakeKey({ canWink: false }))).openAuthenticators,
    })
    await expect(wink(context, { path: undefined })).rejects.toMatchObject({
      code: 'key_wink_unsupported',
      values: { key: 'Tiger' },
    })
  })
})
