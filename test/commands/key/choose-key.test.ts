import { describe, expect, it } from 'vitest'
import { withKey } from '../../../src/commands/key/choose-key.ts'
import { type Authenticator, type CeremonyOptions, CtapError } from '../../../src/hid/index.ts'
import { ScriptedInteraction } from '../../auth/scripted-interaction.ts'
import { fakeContext } from '../fake-context.ts'
import { fakeKey, fakePorts, portOf } from './fake-keys.ts'

/** A key that blinks until somebody touches it, or it is told to stop. */
function blinkingKey(name: string) {
  let touch = () => {}
  let fail = (_error: unknown) => {}
  const seen = { blinks: false, stopped: false, closed: false }
  const key = fakeKey({
    name,
    path: `/dev/${name}`,
    select: ({ signal }: CeremonyOptions = {}) =>
      new Promise<void>((resolve, reject) => {
        seen.blinks = true
        touch = resolve
        fail = reject
        signal?.addEventListener('abort', () => {
          seen.stopped = true
          reject(new CtapError('key_cancelled', 'stopped'))
        })
      }),
    close: async () => {
      seen.closed = true
    },
  })
  return { key, seen, touch: () => touch(), fail: (error: unknown) => fail(error) }
}

const name = async (key: Authenticator) => key.name

async function sitDown(...keys: Authenticator[]) {
  const { openAuthenticators, isOpen, ports } = fakePorts(...keys.map(portOf))
  const interaction = new ScriptedInteraction()
  const around = await fakeContext({ openAuthenticators, interaction, terminal: { tty: true } })
  return {
    ...around,
    isOpen,
    ports,
    interaction,
    context: { ...around.context, terminal: interactive(around.terminal) },
  }
}
const interactive = <T extends object>(terminal: T) => ({ ...terminal, interactive: true })

const nextTurn = () => new Promise(resolve => setImmediate(resolve))

describe('which key is meant', () => {
  it('the only one, untouched', async () => {
    const { context, isOpen } = await sitDown(fakeKey())
    expect(await withKey(context, undefined, name)).toBe('Tiger')
    expect(isOpen()).toBe(false)
  })

  it('the one whose path is given, of several', async () => {
    const { context } = await sitDown(fakeKey(), fakeKey({ name: 'Tally', path: '/dev/tally' }))
    expect(await withKey(context, '/dev/tally', name)).toBe('Tally')
  })

  it('the one that --device names, unless another path is given', async () => {
    const { context } = await sitDown(fakeKey(), fakeKey({ name: 'Tally', path: '/dev/tally' }))
    expect(await withKey({ ...context, device: '/dev/tally' }, undefined, name)).toBe('Tally')
    expect(await withKey({ ...context, device: '/dev/tally' }, '/dev/hidraw0', name)).toBe('Tiger')
  })

  it('the touched one: all blink, and the others stop and are let go of', async () => {
    const [tiger, tally] = [blinkingKey('tiger'), blinkingKey('tally')]
    const { context, stdout, isOpen } = await sitDown(tiger.key, tally.key)
    const used = withKey(context, undefined, async key => {
      expect(tiger.seen).toEqual({ blinks: true, stopped: true, closed: true })
      return key.name
    })
    await nextTurn()
    expect([tiger.seen.blinks, tally.seen.blinks]).toEqual([true, true])
    tally.touch()
    expect(await used).toBe('tally')
    expect(tally.seen).toMatchObject({ stopped: true, closed: false })
    expect(stdout()).toContain('You touched tally (/dev/tally).')
    expect(isOpen()).toBe(false)
  })

  it('goes on with the others when one is pulled out, and ends when the last one is', async () => {
    const [tiger, tally] = [blinkingKey('tiger'), blinkingKey('tally')]
    const { context } = await sitDown(tiger.key, tally.key)
    const used = withKey(context, undefined, name)
    await nextTurn()
    tiger.fail(new CtapError('key_unplugged', 'gone'))
    await nextTurn()
    expect(tally.seen.stopped).toBe(false)
    tally.fail(new CtapError('key_unplugged', 'gone'))
    await expect(used).rejects.toMatchObject({ code: 'key_unplugged' })
  })

  it('none, when the person says no at one of them', async () => {
    const [tiger, tally] = [blinkingKey('tiger'), blinkingKey('tally')]
    const { context, isOpen } = await sitDown(tiger.key, tally.key)
    const used = withKey(context, undefined, name)
    await nextTurn()
    tiger.fail(new CtapError('key_denied', 'no'))
    await expect(used).rejects.toMatchObject({ code: 'key_denied' })
    expect([tally.seen.stopped, isOpen()]).toEqual([true, false])
  })

  it('the touched one, though another has given up meanwhile; that one blinks again', async () => {
    const [tiger, tally] = [blinkingKey('tiger'), blinkingKey('tally')]
    const { context } = await sitDown(tiger.key, tally.key)
    let later = 0
    const clock = { now: () => Date.UTC(2026, 10, 22) + later, sleep: context.clock.sleep }
    const used = withKey({ ...context, clock }, undefined, name)
    await nextTurn()
    tiger.seen.blinks = false
    later = 30_000
    tiger.fail(new CtapError('key_timeout', 'not touched', { status: 0x2f }))
    await nextTurn()
    expect([tiger.seen.blinks, tally.seen.stopped]).toEqual([true, false])
    tiger.touch()
    expect(await used).toBe('tiger')
  })

  it('none, when all have given up and the person’s time is over', async () => {
    const [tiger, tally] = [blinkingKey('tiger'), blinkingKey('tally')]
    const { context } = await sitDown(tiger.key, tally.key)
    let later = 0
    const clock = { now: () => Date.UTC(2026, 10, 22) + later, sleep: context.clock.sleep }
    const used = withKey({ ...context, clock }, undefined, name)
    await nextTurn()
    later = 120_000
    for (const { fail } of [tiger, tally]) fail(new CtapError('key_timeout', 'not touched', { status: 0x2f }))
    await expect(used).rejects.toMatchObject({ code: 'key_timeout' })
  })

  it('none on Ctrl-C: all stop blinking', async () => {
    const [tiger, tally] = [blinkingKey('tiger'), blinkingKey('tally')]
    const { context, interaction } = await sitDown(tiger.key, tally.key)
    const used = withKey(context, undefined, name)
    await nextTurn()
    interaction.breaking.abort()
    await expect(used).rejects.toMatchObject({ code: 'cancelled' })
    expect([tiger.seen.stopped, tally.seen.stopped]).toEqual([true, true])
  })

  it('is asked for by name where nobody is there to touch one', async () => {
    const { openAuthenticators, isOpen } = fakePorts(portOf(fakeKey()), portOf(fakeKey({ path: '/dev/hidraw1' })))
    const { context } = await fakeContext({ openAuthenticators })
    await expect(withKey(context, undefined, name)).rejects.toMatchObject({
      code: 'input_required',
      options: ['--device /dev/hidraw0', '--device /dev/hidraw1'],
    })
    expect(isOpen()).toBe(false)
  })

  it('is waited for when none is plugged in, also until the system lets it be opened', async () => {
    const { context, ports, stdout } = await sitDown()
    const moves = [
      () => ports.push({ path: '/dev/hidraw0', name: 'Tiger', key: new CtapError('key_no_permission', 'not yet') }),
      () => ports.splice(0, 1, portOf(fakeKey())),
    ]
    const clock = {
      ...context.clock,
      sleep: async (milliseconds: number) => {
        await context.clock.sleep(milliseconds)
        moves.shift()?.()
      },
    }
    expect(await withKey({ ...context, clock }, undefined, name)).toBe('Tiger')
    expect(moves).toEqual([])
    expect(stdout()).toContain('Plug in a security key')
  })

  it.each([
    ['nobody plugs one in', undefined],
    ['the one that is named is not there', '/dev/hidraw7'],
  ])('is not found when %s', async (_what, path) => {
    const { context, isOpen } = await sitDown()
    await expect(withKey(context, path, name)).rejects.toMatchObject({ code: 'key_not_found' })
    expect(isOpen()).toBe(false)
  })

  it('is not waited for where nobody is there to plug it in', async () => {
    const { context } = await fakeContext({ openAuthenticators: fakePorts().openAuthenticators })
    await expect(withKey(context, undefined, name)).rejects.toMatchObject({ code: 'key_not_found' })
  })

  it('is told why it cannot be opened', async () => {
    const key = new CtapError('key_no_permission', 'no')
    const { openAuthenticators, isOpen } = fakePorts({ path: '/dev/hidraw0', name: 'Locked', key })
    const { context } = await fakeContext({ openAuthenticators })
    await expect(withKey(context, undefined, name)).rejects.toBe(key)
    expect(isOpen()).toBe(false)
  })
})
