// hufu bind wechat against hufud in mode oauth, both as built programs, and a person with a phone.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { languages } from '../../src/cli/messages/catalogue.ts'
import { type RunningHufu, startHufu } from '../support/hufu.ts'
import { palettes, readQr } from '../support/screen-qr.ts'
import { password } from '../support/server-world.ts'
import { type Sitting, sitDown, standUp } from '../support/sitting.ts'
import { until } from '../support/until.ts'
import { startWeChatHufud, type WeChatHufud } from '../support/wechat-hufud.ts'
import { agree, startOauthHufud } from '../support/wechat-oauth-hufud.ts'

let server: WeChatHufud
afterEach(standUp)

const done = { exitCode: 0, cursorVisible: true, lineMode: true }
const someone = (name: string) => ({ openid: `o${name}-openid` })

/** Sits down before 80 × 24, runs it and types the password, which is all that these accounts have. */
async function sitBefore(username: string, language: (typeof languages)[number]): Promise<Sitting> {
  const sitting = await sitDown(await server.person(username), language, ['bind', 'wechat'], { columns: 80, rows: 24 })
  await sitting.asked(sitting.t('ask.password'))
  sitting.enter(password)
  return sitting
}

/** What the QR code says that is whole on the screen. */
const shownQr = (sitting: Sitting, other?: string) =>
  until('a QR code', () => {
    const read = readQr(sitting.screenBuffer, palettes.dark)
    return read !== undefined && read !== other && /^http:/.test(read) ? read : undefined
  })

/** Words with a count-down in them, up to that. */
const upToTime = (text: string): string => text.split('{{')[0] ?? ''

async function begin(username: string, ...more: string[]): Promise<{ running: RunningHufu; payload: string }> {
  const { home } = await server.person(username)
  return beginAt(home, ...more)
}

async function beginAt(home: string, ...more: string[]): Promise<{ running: RunningHufu; payload: string }> {
  const env = { HUFU_SERVER: server.url, HUFU_PASSWORD: password }
  const running = startHufu(['bind', 'wechat', '--verify', 'password', ...more], { home, env })
  const { payload } = await running.seen('qr')
  return { running, payload: String(payload) }
}

describe('web authorisation', () => {
  beforeAll(async () => {
    server = await startOauthHufud({ confirmByCode: false })
  })
  afterAll(() => server.close())

  it.each(languages)('on a terminal of 80 × 24: waiting, scanned, bound, in %s', async language => {
    const sitting = await sitBefore(`sits-${language}`, language)
    const { t } = sitting
    const payload = await shownQr(sitting)
    expect(payload).toMatch(new RegExp(`^${server.url}/w/[\\w-]{22}$`))
    await sitting.waitFor(upToTime(t('wechat.waiting', { code: '{{', whole: '{{' })))
    const underWay = await agree(payload, someone(`Sits${language}`))
    await sitting.waitFor(upToTime(t('wechat.agreeing', { whole: '{{' })))
    expect(await shownQr(sitting)).toBe(payload)
    expect(await underWay.comeBack()).toMatchObject({ status: 200, html: expect.stringContaining('Done') })
    expect(await sitting.end(), sitting.text()).toEqual(done)
    const [, lines = ''] = sitting.text().split(t('wechat.scan'))
    expect(lines.trim().split('\n')).toEqual([
      `✓ ${t('wechat.scanned')}`,
      `✓ ${t('bind.done_value', { item: t('item.wechat'), value: 'oSit***enid' })}`,
    ])
  })

  it.each(languages)('each refusal is said on the terminal, in %s', async language => {
    await begin(`owns-${language}`).then(async ({ running, payload }) => {
      await (await agree(payload, someone(`Owned${language}`))).comeBack()
      expect((await running.finished).exitCode).toBe(0)
    })
    const declines = await sitBefore(`declines-${language}`, language)
    await server.wechat.authorise(await shownQr(declines), someone('Declines'), false)
    expect((await declines.end()).exitCode).toBe(5)
    expect(declines.text()).toContain(declines.t('error.scan_declined'))
    const elsewhere = await sitBefore(`elsewhere-${language}`, language)
    const page = await server.wechat.authorise(await shownQr(elsewhere), someone(`Owned${language}`))
    expect(page.status).toBe(409)
    expect((await elsewhere.end()).exitCode).toBe(5)
    await elsewhere.waitFor(elsewhere.t('scan.bound_elsewhere'))
  })

  it('as events: scanned once the person has agreed, and not before', async () => {
    const { running, payload } = await begin('events')
    await server.wechat.browserOf(someone('Events')).open(payload)
    const underWay = await agree(payload, someone('Events'))
    await running.seen('scanned')
    await underWay.comeBack()
    const run = await running.finished
    expect([run.exitCode, run.sequence]).toEqual([0, ['step_up', 'qr', 'scanned', 'result']])
    expect(run.last).toMatchObject({ item: 'wechat', value: 'oEve***enid', replaced: false })
  })

  it.each([
    ['declined', false, someone('Declined'), 'scan_declined'],
    ['bound already', true, someone('Again'), 'already_bound'],
  ] as const)('%s, as events', async (name, willAgree, person, code) => {
    const { home } = await server.person(`refused-${code}`)
    if (name === 'bound already') {
      const { running, payload } = await beginAt(home)
      await server.wechat.authorise(payload, person)
      expect((await running.finished).exitCode).toBe(0)
    }
    const { running, payload } = await beginAt(home)
    await server.wechat.authorise(payload, person, willAgree)
    const run = await running.finished
    expect([run.exitCode, run.last.code]).toEqual([5, code])
  })

  it('by a snapshot user binds nothing, and waits for who authorises truly', async () => {
    const { running, payload } = await begin('snapshot')
    const preview = await server.wechat.authorise(payload, { ...someone('Snapshot'), snapshot: true })
    expect(preview.status).toBe(403)
    await server.wechat.authorise(payload, someone('Snapshot'))
    const run = await running.finished
    expect([run.exitCode, run.last.value]).toEqual([0, 'oSna***enid'])
  })

  it('given up at the terminal while the person is in WeChat: they are told, and nothing is bound', async () => {
    const sitting = await sitBefore('gives-up', 'en')
    const underWay = await agree(await shownQr(sitting), someone('GivesUp'))
    await sitting.waitFor('Waiting for the answer in WeChat')
    sitting.press('ctrl-c')
    await sitting.end()
    expect(await underWay.comeBack()).toMatchObject({
      status: 410,
      html: expect.stringContaining('This request is over'),
    })
    const { running, payload } = await begin('takes-over')
    await (await agree(payload, someone('GivesUp'))).comeBack()
    expect((await running.finished).exitCode).toBe(0)
  })
})

describe('where a code confirms it', () => {
  beforeAll(async () => {
    server = await startOauthHufud({ confirmByCode: true })
  })
  afterAll(() => server.close())

  const codeIn = ({ html }: { html: string }) => /<p class="code">(\d{6})<\/p>/.exec(html)?.[1] ?? ''

  it.each(languages)('it is asked for once there is one, and again when it is wrong, in %s', async language => {
    const sitting = await sitBefore(`codes-${language}`, language)
    const { t } = sitting
    const underWay = await agree(await shownQr(sitting), someone(`Codes${language}`), language)
    await sitting.waitFor(upToTime(t('wechat.agreeing', { whole: '{{' })))
    expect(sitting.text()).not.toContain(t('ask.wechat_code'))
    const code = codeIn(await underWay.comeBack())
    await sitting.waitFor(t('wechat.code_shown'))
    await sitting.asked(t('ask.wechat_code'))
    sitting.enter(code === '000000' ? '000001' : '000000')
    await sitting.waitFor(new RegExp(`${t('error.code_incorrect')}[^]*\\? ${t('ask.wechat_code')}`))
    sitting.enter(code)
    expect(await sitting.end(), sitting.text()).toEqual(done)
    expect(sitting.text()).toContain('oCod***enid')
  })

  it('a command supplies it', async () => {
    const { home } = await server.person('codes-json')
    const file = join(home, 'code')
    const command = `[ "$HUFU_CODE_PURPOSE/$HUFU_CODE_CHANNEL" = bind/wechat ] && until cat ${file}; do sleep 0.1; done`
    const { running, payload } = await beginAt(home, '--code-command', command)
    const underWay = await agree(payload, someone('CodesJson'))
    await running.seen('scanned')
    writeFileSync(file, codeIn(await underWay.comeBack()))
    const run = await running.finished
    expect([run.exitCode, run.sequence]).toEqual([0, ['step_up', 'qr', 'scanned', 'result']])
  })
})

describe('a QR code that expires', () => {
  beforeAll(async () => {
    server = await startWeChatHufud({ confirmByCode: false, qrLifetime: 3000, mode: 'oauth' })
  })
  afterAll(() => server.close())

  it('is renewed in its place though somebody agreed, who may still come back', async () => {
    const sitting = await sitBefore('renews', 'en')
    const first = await shownQr(sitting)
    const underWay = await agree(first, someone('Renews'))
    await sitting.waitFor('Waiting for the answer in WeChat')
    const second = await shownQr(sitting, first)
    const tops = sitting
      .text()
      .split('\n')
      .filter(line => /^▄{20}/.test(line))
    expect(tops, sitting.text()).toHaveLength(1)
    await expect(agree(first, someone('Late'))).rejects.toThrow('not agreed: 410')
    expect(second).not.toBe(first)
    expect(await underWay.comeBack()).toMatchObject({ status: 200 })
    expect(await sitting.end(), sitting.text()).toEqual(done)
    expect(sitting.text()).toContain('oRen***enid')
  })

  it('is renewed, and whoever scans the new one is bound', async () => {
    const { running, payload } = await begin('renews-json')
    const second = await until('a second QR code', () => running.seenAll('qr')[1])
    expect((await server.wechat.browserOf(someone('Second')).open(payload)).status).toBe(410)
    await server.wechat.authorise(String(second.payload), someone('Second'))
    const run = await running.finished
    expect([run.exitCode, run.last.value]).toEqual([0, 'oSec***enid'])
  })
})
