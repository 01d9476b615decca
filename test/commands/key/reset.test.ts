import { describe, expect, it } from 'vitest'
import { run as reset } from '../../../src/commands/key/reset.ts'
import { type Authenticator, type CeremonyOptions, CtapError } from '../../../src/hid/index.ts'
import { fakeContext } from '../fake-context.ts'
import { fakeKey, fakePorts, info, type Port, portOf, u2fInfo } from './fake-keys.ts'

const confirmed = { path: undefined, confirm: 'reset' }
const noPermission = new CtapError('key_no_permission', 'not yet')

/** A key that notes when it is erased. */
function erasableKey(more: Partial<Authenticator> = {}) {
  const erased: string[] = []
  const key = fakeKey({
    reset: async ({ onTouchNeeded }: CeremonyOptions = {}) => {
      onTouchNeeded?.()
      erased.push(key.path)
    },
    ...more,
  })
  return { key, erased }
}

/** Somebody who does `moves`, one at each look at the ports. */
async function sitDown(plugged: Port[], moves: ((ports: Port[]) => void)[] = [], json = true) {
  const { ports, openAuthenticators, isOpen } = fakePorts(...plugged)
  const around = await fakeContext({ openAuthenticators, terminal: { json } })
  const { clock } = around.context
  const sleep = async (milliseconds: number) => {
    await clock.sleep(milliseconds)
    moves.shift()?.(ports)
  }
  const events = () =>
    around
      .stdout()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).event)
  return { ...around, context: { ...around.context, clock: { ...clock, sleep } }, isOpen, events }
}

const unplug = (path: string) => (ports: Port[]) =>
  void ports.splice(
    ports.findIndex(port => port.path === path),
    1,
  )
const plugIn = (port: Port) => (ports: Port[]) => void ports.push(port)

describe('hufu key reset', () => {
  it('has the key unplugged and plugged in, wherever it then is, and erases it at the touch', async () => {
    const { key, erased } = erasableKey()
    const { key: again, erased: erasedAgain } = erasableKey({ path: '/dev/hidraw7' })
    const other = portOf(fakeKey({ name: 'Other', path: '/dev/hidraw1' }))
    const moves = [() => {}, unplug(key.path), () => {}, plugIn(portOf(again))]
    const { context, stdout, stderr, events, isOpen } = await sitDown([portOf(key), other], moves)
    await reset(context, { path: key.path, confirm: 'reset' })
    expect([erased, erasedAgain]).toEqual([[], ['/dev/hidraw7']])
    expect(events()).toEqual(['unplug', 'plug_in', 'touch', 'result'])
    expect(stdout()).toContain('{"event":"result","ok":true,"path":"/dev/hidraw7","name":"Tiger"}')
    expect(stderr()).toContain('A reset erases Tiger')
    expect(isOpen()).toBe(false)
  })

  it('waits while the system does not let the fresh key be opened yet', async () => {
    const { key } = erasableKey()
    const { key: again, erased } = erasableKey()
    const moves = [
      unplug(key.path),
      plugIn({ path: key.path, name: key.name, key: noPermission }),
      unplug(key.path),
      plugIn(portOf(again)),
    ]
    await reset((await sitDown([portOf(key)], moves)).context, confirmed)
    expect(erased).toEqual([key.path])
  })

  it('says why the fresh key cannot be opened when it stays so', async () => {
    const { key } = erasableKey()
    const moves = [unplug(key.path), plugIn({ path: key.path, name: key.name, key: noPermission })]
    await expect(reset((await sitDown([portOf(key)], moves)).context, confirmed)).rejects.toBe(noPermission)
  })

  it.each([
    ['another name', { name: 'Tally' }],
    ['another model', { info: info({ aaguid: new Uint8Array(16).fill(1) }) }],
  ])('erases nothing when a key of %s is plugged in instead', async (_what, more) => {
    const { key } = erasableKey()
    const { key: other, erased } = erasableKey({ path: '/dev/hidraw7', ...more })
    const moves = [unplug(key.path), plugIn(portOf(other))]
    const { context, isOpen } = await sitDown([portOf(key)], moves)
    await expect(reset(context, confirmed)).rejects.toMatchObject({ code: 'key_other_plugged_in' })
    expect([erased, isOpen()]).toEqual([[], false])
  })

  it.each([
    ['unplug', [], 'key_still_plugged_in'],
    ['plug in', [unplug('/dev/hidraw0')], 'key_not_found'],
  ])('gives up when nobody comes to %s it', async (_what, moves, code) => {
    const { key, erased } = erasableKey()
    await expect(reset((await sitDown([portOf(key)], moves)).context, confirmed)).rejects.toMatchObject({ code })
    expect(erased).toEqual([])
  })

  it('erases a key in software at once: it cannot be unplugged', async () => {
    const { key, erased } = erasableKey({ path: 'udp:localhost:8111' })
    const { context, events } = await sitDown([portOf(key)])
    await reset(context, confirmed)
    expect([erased, events()]).toEqual([['udp:localhost:8111'], ['touch', 'result']])
  })

  it('says what to do when the key finds it too late', async () => {
    const late = () => Promise.reject(new CtapError('key_not_allowed', 'late'))
    const { key } = erasableKey({ path: 'udp:localhost:8111', reset: late })
    await expect(reset((await sitDown([portOf(key)])).context, confirmed)).rejects.toMatchObject({
      code: 'key_reset_late',
    })
  })

  it('says of a U2F key that it cannot be erased', async () => {
    const { key } = erasableKey({ protocol: 'u2f', info: u2fInfo() })
    await expect(reset((await sitDown([portOf(key)])).context, confirmed)).rejects.toMatchObject({
      code: 'key_reset_unsupported',
    })
  })

  it('says of any key that knows no reset that it cannot be erased', async () => {
    const unknown = () => Promise.reject(new CtapError('key_unsupported', 'CTAP1_ERR_INVALID_COMMAND'))
    const { key } = erasableKey({ path: 'udp:localhost:8111', reset: unknown })
    await expect(reset((await sitDown([portOf(key)])).context, confirmed)).rejects.toMatchObject({
      code: 'key_reset_unsupported',
    })
  })

  it.each([
    [undefined, { code: 'input_required', options: ['--confirm reset'] }],
    ['Reset', { code: 'confirmation_wrong', values: { word: 'reset' } }],
    ['', { code: 'confirmation_wrong' }],
  ])('wants the word, and not %j, from a script', async (confirm, refusal) => {
    const { key, erased } = erasableKey({ path: 'udp:localhost:8111' })
    const { context } = await sitDown([portOf(key)])
    await expect(reset(context, { path: undefined, confirm })).rejects.toMatchObject(refusal)
    expect(erased).toEqual([])
  })
})
