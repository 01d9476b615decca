import { describe, expect, it } from 'vitest'
import { run as audit, type Filters } from '../../../src/commands/admin/audit.ts'
import { run as log } from '../../../src/commands/log.ts'
import { listEvents } from '../../../src/contract/account.ts'
import { type AuditEvent, listAudit } from '../../../src/contract/admin-audit.ts'
import { isoTime } from '../../../src/lib/clock.ts'
import { fakeContext, id, now, time } from '../fake-context.ts'

const none: Filters = {
  user: undefined,
  action: undefined,
  actor: undefined,
  run: undefined,
  since: undefined,
  until: undefined,
  limit: undefined,
  before: undefined,
  follow: false,
}
const event = (more: Partial<AuditEvent> = {}): AuditEvent => ({
  id,
  at: time,
  action: 'account.disable',
  method: 'password',
  source: '203.0.113.9',
  details: { sessions_revoked: '2' },
  actor: 'admin:root',
  username: 'bob',
  run_id: null,
  ...more,
})
const rebound = event({
  action: 'admin.rebind',
  actor: 'token:ci\u001b[2J',
  run_id: id,
  details: {
    'phone.old': '138****8000',
    'phone.new': '138****8001',
    'email.new': 'b***b@e***e.org',
    'wechat.old': 'oBob***xxxx',
    'password.old': 'set',
    'password.new': 'set',
    'totp.old': 'bound',
    'webauthn.new': 'link',
    'disabled.old': 'true',
    'disabled.new': 'false',
    reason: 'Lost phones\u202e',
  },
})

describe('hufu admin audit', () => {
  it('tells whose, what, who and from where, in 80 columns', async () => {
    const { context, api, stdout } = await fakeContext()
    const events = [
      event(),
      rebound,
      event({ action: 'login_failed', actor: null, username: null, details: {} }),
      event({ action: 'login', actor: null, method: 'password+totp', details: {} }),
    ]
    api.expects(listAudit, { query: { limit: 30 } }, { events, next: null })
    await audit(context, none)
    expect(stdout()).toMatch(/bob +Account disabled +Admin root +203\.0\.113\.9\n/)
    expect(stdout()).toMatch(/bob +Admin’s change +Token ci +203/)
    for (const words of [
      '· Phone: 138****8000 → 138****8001\n',
      '· Email: b***b@e***e.org\n',
      '· WeChat unbound: oBob***xxxx\n',
      '· Password: set anew\n',
      '· TOTP app unbound\n',
      '· Security key: link to bind it made\n',
      '· Account enabled\n',
      '· “Lost phones”\n',
    ]) {
      expect(stdout()).toContain(words)
    }
    expect(stdout()).toMatch(/\(nobody\) +Login failed +Password +203/)
    expect(stdout()).toMatch(/bob +Login +Password \+ TOTP app +203/)
    expect(stdout()).not.toMatch(/[\u001b\u202e]/)
    for (const line of stdout().split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('tells that a change was undone, and of links that ended', async () => {
    const { context, api, stdout } = await fakeContext()
    const details = { 'totp.old': 'link', 'disabled.new': 'true', reason: 'Undone' }
    const events = [event({ action: 'admin.rebind_undo', details })]
    api.expects(listAudit, { query: { limit: 30 } }, { events, next: null })
    await audit(context, none)
    for (const words of ['Admin’s change undone ', '· TOTP app: link to bind it ended', '· Account disabled']) {
      expect(stdout()).toContain(words)
    }
  })

  it('asks for what the options say', async () => {
    const { context, api } = await fakeContext()
    const query = {
      username: 'bob',
      action: 'phone.',
      actor: 'token:ci',
      run_id: id,
      since: isoTime(now - 7_200_000),
      until: '2026-11-22T13:00:00.000Z',
      limit: 5,
      before: `12-${id}`,
    }
    api.expects(listAudit, { query }, { events: [], next: null })
    const given = { user: 'bob', action: 'phone.', actor: 'token:ci', run: id, limit: '5', before: `12-${id}` }
    await audit(context, { ...none, ...given, since: '2h', until: '2026-11-22T13:00Z' })
    api.verifyAllCalled()
  })

  it.each([
    [{ user: '' }, '--user'],
    [{ user: 'x'.repeat(65) }, '--user'],
    [{ action: 'Phone.bind' }, '--action'],
    [{ actor: 'root' }, '--actor'],
    [{ run: 'r1' }, '--run'],
    [{ since: 'yesterday' }, '--since'],
    [{ until: '2026-02-30' }, '--until'],
    [{ limit: '0' }, '--limit'],
    [{ before: 'x' }, '--before'],
  ])('refuses %j by the name of the option', async (given, source) => {
    const { context } = await fakeContext()
    const refused = audit(context, { ...none, ...given })
    await expect(refused).rejects.toMatchObject({ code: 'input_malformed', values: { source } })
  })

  it('goes on behind pages in which nothing matches, as far as was asked for', async () => {
    const { context, api, stdout } = await fakeContext({ terminal: { json: true } })
    const [first, second] = [`20-${id}`, `10-${id}`]
    const query = { action: 'login' }
    api.expects(listAudit, { query: { ...query, limit: 2 } }, { events: [], next: first })
    api.expects(listAudit, { query: { ...query, limit: 2, before: first } }, { events: [event()], next: second })
    api.expects(listAudit, { query: { ...query, limit: 1, before: second } }, { events: [event()], next: second })
    await audit(context, { ...none, action: 'login', limit: '2' })
    api.verifyAllCalled()
    const lines = stdout()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines).toEqual([
      { event: 'audit', ...event() },
      { event: 'audit', ...event() },
      { event: 'result', ok: true, count: 2, next: second },
    ])
  })

  it.each(['until', 'before'])('does not follow with --%s', async option => {
    const { context } = await fakeContext()
    const values = { until: '2h', before: `12-${id}` }
    const refused = audit(context, { ...none, [option]: values[option as keyof typeof values], follow: true })
    await expect(refused).rejects.toMatchObject({
      code: 'options_conflict',
      values: { options: `--follow, --${option}` },
    })
  })
})

describe('hufu log', () => {
  it.each([
    ['en', /Admin’s change +Token ci +203/, '· Phone: 138****8000 → 138****8001', '· WeChat unbound: oBob***xxxx'],
    ['zh-CN', /管理员修改 +令牌 ci +203/, '· 密保手机：138****8000 → 138****8001', '· 解绑微信：oBob***xxxx'],
  ] as const)('tells the owner what an admin changed, in %s', async (language, line, replaced, gone) => {
    const { context, api, stdout } = await fakeContext({ terminal: { language } })
    const { username: _, run_id: __, ...own } = rebound
    api.expects(listEvents, { query: { limit: 30 } }, { events: [own], next: null })
    await log(context, { limit: undefined, before: undefined })
    expect(stdout()).toMatch(line)
    expect(stdout()).toContain(replaced)
    expect(stdout()).toContain(gone)
    expect(stdout()).not.toMatch(/[\u001b\u202e]/)
  })
})
