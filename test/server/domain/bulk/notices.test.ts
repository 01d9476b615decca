import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RebindRow } from '../../../../src/contract/rebind.ts'
import { type AdminChange, adminNotice } from '../../../../src/server/messages/admin-notice.ts'
import { en } from '../../../../src/server/messages/catalogues.ts'
import { type BulkWorld, bulkFile, openBulkWorld } from '../../../support/bulk-world.ts'
import { hasQueued } from '../../../support/server-world.ts'

let world: BulkWorld

beforeEach(async () => {
  world = await openBulkWorld()
  await world.accounts('anna', 'ben')
})
afterEach(() => world.close())

/** What a run over these rows tells, by destination. */
async function toldBy(rows: readonly RebindRow[], options = {}): Promise<Record<string, string>> {
  world.sent.length = 0
  await world.rebind(rows, options)
  await expect.poll(() => hasQueued(world.services)).toBe(false)
  expect(new Set(world.sent.map(({ to }) => to)).size).toBe(world.sent.length)
  return Object.fromEntries(world.sent.map(({ to, text }) => [to, text]))
}

test('the old and the new destination are told, once each, that an administrator did it', async () => {
  await toldBy([{ row: 1, username: 'anna', phone: '13800138001' }])
  const told = await toldBy([{ row: 1, username: 'anna', phone: '13800138002', email: 'anna@new.example' }])
  expect(Object.keys(told).sort()).toEqual(
    ['+8613800138001', '+8613800138002', 'anna@example.com', 'anna@new.example'].sort(),
  )
  const mail = told['anna@example.com'] ?? ''
  expect(mail).toContain('administrator')
  expect(mail).toContain('138****8001')
  expect(mail).toContain('138****8002')
  expect(mail).not.toContain('13800138002')
  expect(told['+8613800138001']).toMatch(/admin/)
})

test('in the language of the account, whatever is changed', async () => {
  const { id } = await world.account('ben')
  await world.services.domain.store.transaction(({ accounts }) => accounts.setLocale(id, 'zh-CN'))
  const told = await toldBy([{ row: 1, username: 'ben', phone: '13800138003', disabled: true, totp: 'enrol' }])
  expect(told['ben@example.com']).toContain('管理员')
  expect(told['+8613800138003']).toContain('管理员')
  expect(told['ben@example.com']).toContain('138****8003')
})

test('nobody is told where the run is silent, and the event is there all the same', async () => {
  const told = await toldBy([{ row: 1, username: 'anna', phone: '13800138001' }], {
    actor: world.silent,
    notify: false,
  })
  expect(told).toEqual({})
  expect(await world.events('anna')).toHaveLength(1)
})

test('who is not changed, or not found, is not told', async () => {
  const told = await toldBy([
    { row: 1, username: 'anna', email: 'anna@example.com' },
    { row: 2, username: 'nobody', email: 'nobody@example.com' },
    { row: 3, username: 'ben', phone: '1' },
  ])
  expect(told).toEqual({})
})

test('a batch that is sent again tells nobody again', async () => {
  const file = bulkFile([[{ row: 1, username: 'anna', phone: '13800138001' }]])
  const open = await world.start(file)
  await world.applyAll(open, file)
  await expect.poll(() => hasQueued(world.services)).toBe(false)
  const before = world.sent.length
  await world.applyAll(open, file)
  await expect.poll(() => hasQueued(world.services)).toBe(false)
  expect(world.sent).toHaveLength(before)
})

const changes = Object.keys(en).filter(
  key => key.startsWith('admin.') && !key.endsWith('.name') && key !== 'admin.changes',
) as AdminChange['what'][]

test.each(['en', 'zh-CN'] as const)(
  'in %s every change has a mail of its own, and a text message of one segment',
  locale => {
    expect(changes.length).toBeGreaterThan(15)
    const words = { username: 'a'.repeat(64), at: Date.UTC(2026, 10, 22) }
    const service = locale === 'en' ? 'Sixteen letters!' : '虎符'
    const mails = new Set<string>()
    for (const what of [...changes, 'account.disable', 'account.enable'] as const) {
      const change = { what, old: 'o***d', new: 'n***w' }
      for (const several of [[change], [change, { what: 'admin.phone.replace', old: 'a', new: 'b' } as const]]) {
        const sms = adminNotice({ channel: 'phone', destination: '+8613800138001' }, several, words, service, locale)
        expect(sms.text.length, sms.text).toBeLessThanOrEqual(locale === 'en' ? 160 : 70)
        expect(sms.text).not.toMatch(/\{\{|[\ue000-\uf8ff]/)
        const mail = adminNotice({ channel: 'email', destination: 'a@b.example' }, several, words, service, locale)
        expect(`${mail.subject}${mail.text}`).not.toMatch(/\{\{|[\ue000-\uf8ff]/)
        expect(mail.text).toMatch(locale === 'en' ? /administrator/ : /管理员/)
        expect(mail.notice?.what).not.toContain('.')
        mails.add(mail.text)
      }
    }
    expect(mails.size).toBe(2 * (changes.length + 2))
  },
)
