import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { languages } from '../../src/cli/messages/catalogue.ts'
import { startHufu } from '../support/hufu.ts'
import { palettes, readQr } from '../support/screen-qr.ts'
import { password } from '../support/server-world.ts'
import { type Sitting, sitDown, standUp } from '../support/sitting.ts'
import { until } from '../support/until.ts'
import { startWeChatHufud, type WeChatHufud } from '../support/wechat-hufud.ts'

let server: WeChatHufud
afterEach(standUp)

const done = { exitCode: 0, cursorVisible: true, lineMode: true }
const shownQr = (sitting: Sitting, other?: string) =>
  until('a QR code', () => {
    const read = readQr(sitting.screenBuffer, palettes.dark)
    return read !== undefined && read !== other && /^http:/.test(read) ? read : undefined
  })
/** These accounts have nothing else, so that there is nothing to pick. */
async function typePassword(sitting: Sitting): Promise<void> {
  await sitting.asked(sitting.t('ask.password'))
  sitting.enter(password)
}
const codeIn = (scan: unknown): string => /\d{6}/.exec(JSON.stringify(scan))?.[0] ?? ''

describe('a QR code that expires', () => {
  beforeAll(async () => {
    server = await startWeChatHufud({ confirmByCode: false, qrLifetime: 3000 })
  })
  afterAll(() => server.close())

  it.each(languages)('is renewed in its place, in %s', async language => {
    const sitting = await sitDown(await server.person(`renews-${language}`), language, ['bind', 'wechat'])
    await typePassword(sitting)
    const first = await shownQr(sitting)
    const second = await shownQr(sitting, first)
    const third = await shownQr(sitting, second)
    const tops = sitting
      .text()
      .split('\n')
      .filter(line => /^▄{20}/.test(line))
    expect(tops, sitting.text()).toHaveLength(1)
    expect(await server.wechat.scan(first)).toMatchObject({ outcome: 'expired' })
    await server.wechat.scan(third, { openid: `oRenews-${language}` })
    expect(await sitting.end(), sitting.text()).toEqual(done)
    const [, ...lines] = sitting.text().split(sitting.t('wechat.scan'))
    expect(lines.join('').trim().split('\n')).toEqual([
      `✓ ${sitting.t('wechat.scanned')}`,
      `✓ ${sitting.t('bind.done_value', { item: sitting.t('item.wechat'), value: `oRen***${`oRenews-${language}`.slice(-4)}` })}`,
    ])
  })

  it('is another event with --json', async () => {
    const { home } = await server.person('renews-json')
    const env = { HUFU_SERVER: server.url, HUFU_PASSWORD: password }
    const running = startHufu(['bind', 'wechat', '--verify', 'password'], { home, env })
    const payloads = () => running.seenAll('qr').map(({ payload }) => String(payload))
    const payload = await until('a second QR code', () => payloads()[1])
    await server.wechat.scan(payload)
    const run = await running.finished
    expect(run.sequence).toEqual(['step_up', 'qr', 'qr', 'scanned', 'result'])
    expect(run.events.at(-2)).toEqual({ event: 'scanned', item: 'wechat' })
  })
})

describe('where a code confirms the scan', () => {
  beforeAll(async () => {
    server = await startWeChatHufud({ confirmByCode: true, qrLifetime: 300_000 })
  })
  afterAll(() => server.close())

  it.each(languages)('it is typed under the QR code, and asked again when it is wrong, in %s', async language => {
    const sitting = await sitDown(await server.person(`codes-${language}`), language, ['bind', 'wechat'])
    const { t } = sitting
    await typePassword(sitting)
    const scan = await server.wechat.scan(await shownQr(sitting), { openid: `oCodes-${language}` })
    const code = codeIn(scan)
    await sitting.waitFor(t('wechat.code_shown'))
    await sitting.asked(t('ask.wechat_code'))
    sitting.enter(code === '000000' ? '000001' : '000000')
    await sitting.waitFor(t('error.code_incorrect'))
    await sitting.waitFor(new RegExp(`${t('error.code_incorrect')}[^]*\\? ${t('ask.wechat_code')}`))
    sitting.enter(code)
    expect(await sitting.end(), sitting.text()).toEqual(done)
    expect(sitting.text()).toContain(`oCod***${`oCodes-${language}`.slice(-4)}`)
  })

  it('a command supplies it, which is told that it is WeChat’s', async () => {
    const { home } = await server.person('codes-json')
    const file = join(home, 'code')
    const command = `[ "$HUFU_CODE_PURPOSE/$HUFU_CODE_CHANNEL" = bind/wechat ] && until cat ${file}; do sleep 0.1; done`
    const env = { HUFU_SERVER: server.url, HUFU_PASSWORD: password }
    const args = ['bind', 'wechat', '--verify', 'password', '--code-command', command]
    const running = startHufu(args, { home, env })
    const { payload } = await running.seen('qr')
    const scan = await server.wechat.scan(String(payload))
    await running.seen('scanned')
    writeFileSync(file, codeIn(scan))
    const run = await running.finished
    expect([run.exitCode, run.sequence]).toEqual([0, ['step_up', 'qr', 'scanned', 'result']])
  })

  it('without one, it is said what supplies it, and a later code binds nothing', async () => {
    const { home } = await server.person('codes-none')
    const env = { HUFU_SERVER: server.url, HUFU_PASSWORD: password }
    const running = startHufu(['bind', 'wechat', '--verify', 'password'], { home, env })
    const { payload } = await running.seen('qr')
    await server.wechat.scan(String(payload), { openid: 'oNobodyTypes' })
    const run = await running.finished
    expect([run.exitCode, run.last.code]).toEqual([2, 'input_required'])
    expect(await server.wechat.scan(String(payload), { openid: 'oNobodyTypes' })).toMatchObject({
      reply: expect.stringMatching(/expired|过期/),
    })
  })
})
