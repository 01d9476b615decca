import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { wechatCallbackPath } from '../../src/server/routes/wechat-callback.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../src/simulators/wechat/simulator.ts'
import {
  type ConfiguredHufud,
  openInbox,
  startConfiguredHufud,
  textsThatTell,
  wechatSecrets,
  wechatSection,
} from '../support/configured-hufud.ts'
import { Person } from '../support/person.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(mode: string): Promise<{ wechat: WeChatSimulator; server: ConfiguredHufud }> {
  const inbox = await openInbox()
  closing.push(inbox.close)
  const wechat = await startWeChatSimulator({ clock: systemClock, random: systemRandom })
  closing.push(wechat.close)
  const server = await startConfiguredHufud({
    sections: () => [wechatSection(wechat.credentials.appId, wechat.baseUrl, mode)],
    secretFiles: wechatSecrets(wechat.credentials),
    outbox: inbox,
  })
  closing.push(server.close)
  wechat.setCallbackUrl(`${server.url}${wechatCallbackPath}`)
  return { wechat, server }
}

describe('WeChat', () => {
  it('is bound by a scan, and then is another’s to no one else', async () => {
    const { wechat, server } = await open('qr')
    expect(await wechat.verifyCallback()).toBe(true)
    const person = await Person.loggedIn(server)
    const bind = async (who: Person) => {
      const running = who.start(['bind', 'wechat', '--verify', 'password'])
      const { payload } = await running.seen('qr')
      const scan = await wechat.scan(String(payload), { openid: 'oScansOnceAndAgain' })
      return { scan, run: await running.finished }
    }
    const { scan, run } = await bind(person)
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.sequence.filter(event => event !== 'scanned')).toEqual(['step_up', 'qr', 'result'])
    expect(run.last).toMatchObject({ item: 'wechat', value: 'oSca***gain' })
    expect(scan).toMatchObject({ outcome: 'scanned', event: 'subscribe', reply: expect.any(String) })
    expect(JSON.stringify(scan)).not.toContain(person.username)
    expect((await person.item('wechat')).set).toBe(true)

    const other = await Person.loggedIn(server)
    const second = await bind(other)
    expect([second.run.exitCode, second.run.last.code]).toEqual([5, 'bound_elsewhere'])
    expect((await other.item('wechat')).set).toBe(false)
    const told = [...Object.values(wechatSecrets(wechat.credentials)), 'oScansOnceAndAgain']
    expect(textsThatTell(server.log(), told)).toEqual([])
  })

  it('is bound once the code is typed that whoever scanned was shown', async () => {
    const { wechat, server } = await open('qr, confirm_by_code: true')
    const person = await Person.loggedIn(server)
    const running = person.start([
      ...['bind', 'wechat', '--verify', 'password'],
      ...['--code-command', person.commandAwaiting('code')],
    ])
    const { payload } = await running.seen('qr')
    const scan = await wechat.scan(String(payload), { openid: 'oIsShownACode' })
    await running.seen('scanned')
    expect((await person.item('wechat')).set).toBe(false)
    const [code = ''] = (scan.outcome === 'scanned' && /\d{6}/.exec(scan.reply ?? '')) || []
    person.file('code', code)
    const run = await running.finished
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.sequence).toEqual(['step_up', 'qr', 'scanned', 'result'])
    expect((await person.item('wechat')).set).toBe(true)
    expect(textsThatTell(server.log(), [code, 'oIsShownACode'])).toEqual([])
  })
})
