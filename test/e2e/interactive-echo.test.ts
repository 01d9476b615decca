import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { type SecurityKeySimulator, startSecurityKey } from '../../src/simulators/security-key/index.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { Person } from '../support/person.ts'
import type { PtyEnd } from '../support/pty.ts'
import { type Sitting, sitDown, standUp } from '../support/sitting.ts'

let server: EphemeralServer
let person: Person
let key: SecurityKeySimulator
beforeAll(async () => {
  server = await startEphemeral()
  person = await Person.loggedIn(server)
})
afterAll(async () => {
  expect(await server.stop()).toBe(0)
})
// A key of its own: a crash leaves the key blinking.
beforeEach(async () => {
  key = await startSecurityKey({ clock: systemClock, random: systemRandom, touch: 'never' })
})
afterEach(async () => {
  standUp()
  await key.close()
})

const typedAhead = 'my PIN is 493817'

/**
 * Has a key blink, and types what is meant for a prompt that does not stand yet.
 * @param onQuit what hufu does when Ctrl-\ is pressed: a key comes after what was typed before it, but a signal from
 * elsewhere may overtake what the kernel has not shown yet
 */
async function typeWhileBlinking(more: readonly string[] = [], onQuit = ''): Promise<Sitting> {
  const args = ['bind', 'webauthn', '--name', 'Tiger', '--device', key.address, ...more]
  // Once: a library repeats the signals that it hears of.
  const handler = `let done = false; process.on('SIGQUIT', () => { if (!done) { done = true; ${onQuit} } })`
  const quit = person.file('quit.cjs', handler)
  const env = { HUFU_PASSWORD: person.password, NODE_OPTIONS: `--require=${quit}` }
  const sitting = await sitDown(person, 'en', args, { env })
  await sitting.waitFor(sitting.t('key.touch_named', { key: key.address }))
  sitting.enter(typedAhead)
  return sitting
}

describe('what is typed while no prompt stands', () => {
  it.each<[string, readonly string[], 'ctrl-c' | 'ctrl-\\' | undefined, string, number]>([
    ['Ctrl-C', [], 'ctrl-c', '', 130],
    ['SIGTERM', [], 'ctrl-\\', "process.kill(process.pid, 'SIGTERM')", 130],
    ['SIGHUP', [], 'ctrl-\\', "process.kill(process.pid, 'SIGHUP')", 130],
    ['--timeout', ['--timeout', '6'], undefined, '', 8],
  ])('is not shown, and after %s the terminal shows what is typed again', async (_, more, end, onQuit, exitCode) => {
    const sitting = await typeWhileBlinking(more, onQuit)
    if (end) sitting.press(end)
    const left: PtyEnd = { exitCode, cursorVisible: true, lineMode: true }
    expect(await sitting.end(), sitting.text()).toEqual(left)
    expect(sitting.written()).not.toContain('493817')
  })

  it('is not shown, and after a crash the terminal shows what is typed again', async () => {
    const sitting = await typeWhileBlinking([], "throw new Error('planted')")
    sitting.press('ctrl-\\')
    expect(await sitting.end()).toMatchObject({ exitCode: 1, lineMode: true })
    expect(sitting.written()).toContain('planted')
    expect(sitting.written()).not.toContain('493817')
  })

  it('is for the next prompt', async () => {
    const sitting = await sitDown(person, 'en', ['bind', 'webauthn', '--device', key.address])
    await sitting.asked(sitting.t('ask.password'))
    sitting.type(`${person.password}\rKey of mine\r`)
    await sitting.waitFor(sitting.t('key.touch_named', { key: key.address }))
    expect(sitting.text()).toContain('Key of mine')
    expect(sitting.written()).not.toContain(person.password)
    sitting.press('ctrl-c')
    expect((await sitting.end()).lineMode).toBe(true)
  })
})
