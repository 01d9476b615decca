import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Language, languages } from '../../src/cli/messages/catalogue.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { type MessageFate, type MessageProxy, startMessageProxy } from '../support/message-proxy.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { sitDown, standUp } from '../support/sitting.ts'
import { normalise } from '../support/transcript.ts'

let server: EphemeralServer
const proxies: MessageProxy[] = []

beforeAll(async () => {
  server = await startEphemeral()
})
afterAll(async () => {
  expect(await server.stop()).toBe(0)
})
afterEach(async () => {
  standUp()
  for (const proxy of proxies.splice(0)) await proxy.close()
})

const sent: MessageFate = { state: 'sent', failure: null }
const failedFor = (failure: string | null): MessageFate => ({ state: 'failed', failure })

/** A server whose messages end as `fates` say, one after the other; those after them are sent. */
async function serverWhose(...fates: MessageFate[]): Promise<{ behind: EphemeralServer; proxy: MessageProxy }> {
  const proxy = await startMessageProxy(server.url, (_id, index) => fates[index] ?? sent)
  proxies.push(proxy)
  return { behind: { ...server, url: proxy.url }, proxy }
}

describe.each(languages)('a person who waits, in %s', (language: Language) => {
  const transcript = (name: string, words: string, code: number) =>
    expect(normalise(`${words}\n[${code}]\n`)).toMatchFileSnapshot(`transcripts/${language}/${name}.txt`)

  it('is told that a message failed, picks another method, and types the number again', async () => {
    const { behind } = await serverWhose(failedFor('unreachable'), failedFor('refused'))
    // Masked, both look the same.
    const email = language === 'en' ? 'guan@example.org' : 'guan-yun@example.org'
    const person = await Person.loggedIn(behind, {
      username: `guan-${language}`,
      email,
    })
    const sitting = await sitDown(person, language, ['bind', 'phone'])
    const { t } = sitting
    await sitting.confirmBy('email', 1)
    await sitting.asked(t('ask.code'))
    sitting.type('12')
    await sitting.waitFor(t('error.message_failed', { reason: t('message_failure.unreachable') }))
    await sitting.waitFor(
      t('refused.remaining', { methods: [t('method.password'), t('method.email')].join(t('list.and')) }),
    )
    await sitting.confirmByPassword()
    await sitting.asked(t('ask.phone_number'))
    sitting.enter('+8613800138000')
    await sitting.asked(t('ask.code'))
    await sitting.waitFor(t('code.retype_after_failure'))
    await sitting.asked(t('ask.phone_number'), t('code.retype_after_failure'))
    const number = language === 'en' ? '+8613800138001' : '+8613800138002'
    sitting.enter(number)
    await sitting.asked(t('ask.code'), t('code.sent', { destination: number }))
    sitting.enter(await server.outbox.latestCode(number))
    const end = await sitting.end()
    expect(end).toEqual({ exitCode: 0, cursorVisible: true, lineMode: true })
    await transcript('message-failed', `$ hufu bind phone\n${sitting.text()}`, end.exitCode)
  })

  it('has another code sent to the number that was given', async () => {
    const { behind } = await serverWhose(failedFor('throttled'))
    const person = await Person.loggedIn(behind)
    const number = freshNumber()
    const sitting = await sitDown(person, language, ['bind', 'phone', number])
    const { t } = sitting
    await sitting.asked(t('ask.password'))
    sitting.enter(person.password)
    await sitting.waitFor(t('code.resend_after_failure'))
    await sitting.asked(t('ask.code'), t('code.resend_after_failure'))
    // The server sends another only after a minute, and the message may have come all the same.
    sitting.enter(await server.outbox.latestCode(number))
    expect(await sitting.exit()).toBe(0)
  })

  it('at a login is told so without a reason', async () => {
    const { behind } = await serverWhose(failedFor(null))
    const person = await Person.enrol(behind, { email: freshAddress() })
    const sitting = await sitDown(person, language, ['login', person.username, '--verify', 'email'])
    const { t } = sitting
    await sitting.asked(t('ask.code'))
    await sitting.waitFor(t('error.message_failed', { reason: t('message_failure.other') }))
    await sitting.asked(t('ask.login_method'))
    sitting.press('enter')
    await sitting.asked(t('ask.password'))
    sitting.enter(person.password)
    expect(await sitting.exit()).toBe(0)
  })

  it('and breaks off is left with a terminal as before', async () => {
    const { behind } = await serverWhose(failedFor('lapsed'))
    const person = await Person.loggedIn(behind, { email: freshAddress() })
    const sitting = await sitDown(person, language, ['recovery-codes', '--verify', 'email'])
    await sitting.waitFor(sitting.t('message_failure.lapsed'))
    await sitting.asked(sitting.t('ask.step_up'))
    sitting.press('ctrl-c')
    expect(await sitting.end()).toEqual({ exitCode: 130, cursorVisible: true, lineMode: true })
  })
})

describe('a script', () => {
  it('ends with message_failed, and its command with it', async () => {
    const { behind, proxy } = await serverWhose(failedFor('misconfigured'))
    const person = await Person.loggedIn(behind)
    const started = person.path('started')
    const run = await person.hufu([
      'bind',
      'phone',
      freshNumber(),
      '--verify',
      'password',
      '--code-command',
      `echo $$ >${started}; exec sleep 60`,
    ])
    expect(run.exitCode).toBe(7)
    const message_id = proxy.asked[0]
    expect(run.sequence).toEqual(['step_up', 'code_sent', 'message', 'error'])
    expect(run.events.find(({ event }) => event === 'code_sent')).toMatchObject({ message_id })
    expect(run.events.find(({ event }) => event === 'message')).toEqual({
      event: 'message',
      message_id,
      channel: 'phone',
      state: 'failed',
      failure: 'misconfigured',
    })
    expect(run.last).toMatchObject({ code: 'message_failed', exit_code: 7 })
    expect(run.stderr).toContain('The message could not be sent: the account server is not set up for it.')
    const pid = Number(readFileSync(started, 'utf8'))
    await expect.poll(() => isAlive(pid)).toBe(false)
  })

  it('is told that a message has arrived', async () => {
    const { behind, proxy } = await serverWhose({ state: 'delivered', failure: null })
    const person = await Person.loggedIn(behind)
    const number = freshNumber()
    const running = person.start([
      ...['bind', 'phone', number, '--verify', 'password'],
      ...['--code-command', person.commandAwaiting('code')],
    ])
    await running.seen('message')
    person.file('code', await server.outbox.latestCode(number))
    const run = await running.finished
    expect(run.sequence).toEqual(['step_up', 'code_sent', 'message', 'result'])
    expect(run.events[2]).toMatchObject({ state: 'delivered', failure: null })
    expect(proxy.asked).toHaveLength(1)
  })

  it.each<[string, MessageFate]>([
    ['does not answer', 'silence'],
    ['answers with an error', 503],
    ['answers with a state that nobody knows', { state: 'eaten', failure: null }],
  ])('goes on when the server %s', async (_what, fate) => {
    const { behind, proxy } = await serverWhose(fate)
    const person = await Person.loggedIn(behind)
    const number = freshNumber()
    const running = person.start([
      ...['bind', 'phone', number, '--verify', 'password'],
      ...['--code-command', person.commandAwaiting('code')],
    ])
    await expect.poll(() => proxy.asked.length, { timeout: 10_000 }).toBeGreaterThan(0)
    person.file('code', await server.outbox.latestCode(number))
    const run = await running.finished
    expect([run.exitCode, run.sequence]).toEqual([0, ['step_up', 'code_sent', 'result']])
  })

  /** Not ended; one that has ended and that nobody has asked about (`Z`) has. */
  const isAlive = (pid: number): boolean => {
    try {
      return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    } catch {
      return false
    }
  }
})
