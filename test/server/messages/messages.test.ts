import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maskUsername } from '../../../src/server/domain/masks.ts'
import type { OutgoingMessage } from '../../../src/server/domain/ports/messages.ts'
import { en, type NoticeKey, zhCN } from '../../../src/server/messages/catalogues.ts'
import { codeMessage, type NoticeFacts, noticeMessage } from '../../../src/server/messages/messages.ts'

const locales = ['en', 'zh-CN'] as const
const purposes = ['login', 'step_up', 'bind'] as const
const channels = ['email', 'phone'] as const
const policy = { serviceName: 'hufu', codeLifetime: 600_000 }
const code = '048151'
const noticeKeys = Object.keys(en)
  .filter(key => key.endsWith('.name'))
  .map(key => key.slice(0, -'.name'.length) as NoticeKey)
const facts: NoticeFacts = {
  username: 'alice',
  at: Date.UTC(2026, 10, 22, 13, 5, 59),
  source: '203.0.113.7',
  values: { old: '138****0001', new: '138****0002' },
  link: null,
  linkExpiresAt: null,
}
const link = `https://accounts.example.org/undo/${'x'.repeat(43)}`
const undoable = { ...facts, link, linkExpiresAt: Date.UTC(2026, 10, 25, 13, 5) }
const destinations = { email: 'alice@example.org', phone: '+8613800138000' }

const codeFor = (
  purpose: (typeof purposes)[number],
  channel: (typeof channels)[number],
  locale: (typeof locales)[number],
  serviceName = policy.serviceName,
) => codeMessage({ purpose, channel, destination: destinations[channel] }, code, { ...policy, serviceName }, locale)

const noticeFor = (
  what: NoticeKey,
  channel: (typeof channels)[number],
  locale: (typeof locales)[number],
  told: NoticeFacts = facts,
) => noticeMessage({ channel, destination: destinations[channel] }, what, told, 'hufu', locale)

/** 3GPP TS 23.038 section 6.2.1, the default alphabet; the characters of the extension table count twice. */
const gsm = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà]*$/

describe('codes', () => {
  describe.each(locales)('%s', locale => {
    test.each(purposes)('a mail for %s has the code at the end of the subject and on a line of its own', purpose => {
      const { subject, text, ...message } = codeFor(purpose, 'email', locale)
      expect(subject).toMatch(locale === 'en' ? / code: 048151$/ : /验证码：048151$/)
      expect(subject.startsWith('hufu ')).toBe(true)
      expect(text.split('\n').filter(line => line === code)).toHaveLength(1)
      expect(text).toContain('10')
      expect(message).toMatchObject({
        channel: 'email',
        to: 'alice@example.org',
        locale,
        code,
        link: null,
        notice: null,
      })
    })

    test.each(purposes)('a text message for %s is one segment', purpose => {
      for (const serviceName of ['hufu', locale === 'en' ? 'Sixteen letters!' : '虎符']) {
        const { text } = codeFor(purpose, 'phone', locale, serviceName)
        expect(text.split(code)).toHaveLength(2)
        expect(text).not.toContain('\n')
        if (locale === 'en') expect(text).toMatch(gsm)
        expect(text.length, text).toBeLessThanOrEqual(locale === 'en' ? 160 : 70)
      }
    })
  })
})

describe('notices', () => {
  test('there is one for every kind of change', () => expect(noticeKeys.length).toBeGreaterThanOrEqual(19))

  test.each(noticeKeys)('%s has a sentence, and a name of at most 20 characters', key => {
    for (const words of [en[`${key}.name`], zhCN[`${key}.name`]]) {
      expect(words.length).toBeGreaterThan(1)
      expect(words.length, words).toBeLessThanOrEqual(20)
      expect(words).not.toMatch(/{{|[.。]$/)
    }
  })

  test('a mail says what, when, from where, and by which commands to undo it', () => {
    expect(noticeFor('phone.replace', 'email', 'en')).toEqual({
      channel: 'email',
      to: 'alice@example.org',
      locale: 'en',
      subject: 'hufu: the security settings of alice have changed',
      text: [
        'The phone number 138****0001 was replaced by 138****0002.',
        '',
        'Account: alice',
        'Time: 2026-11-22 13:05 UTC',
        'From: 203.0.113.7',
        '',
        'If this was you, there is nothing to do.',
        '',
        'If not, run "hufu passwd" at once: it ends all other sessions. Then "hufu status" shows what is bound and the command that sets it right.',
      ].join('\n'),
      code: null,
      link: null,
      notice: { what: 'phone replaced', account: 'a***e', time: '2026-11-22 13:05' },
    })
    const { text, notice } = noticeFor('phone.replace', 'email', 'zh-CN')
    for (const part of ['138****0002', 'alice', '2026-11-22 13:05', '203.0.113.7', 'hufu passwd', 'hufu status']) {
      expect(text).toContain(part)
    }
    expect(notice).toEqual({ what: '密保手机更换', account: 'a***e', time: '2026-11-22 13:05' })
  })

  test.each([
    ['en', `This was not me: ${link}`],
    ['zh-CN', `不是我操作的：${link}`],
  ] as const)('a mail in %s with a link has it on a line of its own, and until when it works', (locale, line) => {
    const message = noticeFor('email.replace', 'email', locale, undoable)
    expect(message.text.split('\n')).toContain(line)
    expect(message.text).toContain('2026-11-25 13:05')
    expect(message.link).toBe(link)
    const forGood = noticeFor('email.replace', 'email', locale, { ...undoable, linkExpiresAt: null })
    expect(forGood.text.split('\n')).toContain(line)
    expect(forGood.text).not.toContain('2026-11-25')
  })

  test.each(locales)('a text message in %s is short, masks the account and says how to undo it', locale => {
    for (const key of noticeKeys) {
      const plain = noticeFor(key, 'phone', locale, { ...facts, username: 'alexander.the.great@example.org' })
      expect(plain.text).toContain('a***g')
      expect(plain.text).not.toContain('alexander')
      expect(plain.text).toContain(plain.notice?.what)
      expect(plain.text).toContain('hufu passwd')
      if (locale === 'en') expect(plain.text).toMatch(gsm)
      expect(plain.text.length, plain.text).toBeLessThanOrEqual(locale === 'en' ? 160 : 70)
      const { text } = noticeFor(key, 'phone', locale, undoable)
      expect(text.split('\n')).toHaveLength(2)
      expect(text.split('\n')[1]).toBe(link)
    }
  })

  test.each(locales)('of what an admin did, in %s, say so at every destination, and whom to ask', locale => {
    const who = locale === 'en' ? 'administrator' : '管理员'
    for (const key of noticeKeys) {
      const told = { ...undoable, username: 'alexander.the.great@example.org', byAdmin: true }
      for (const channel of channels) {
        const { text, notice } = noticeFor(key, channel, locale, told)
        expect(text).toContain(who)
        // The owner can undo it by no command, and the admin's address is none of theirs.
        expect(text).not.toMatch(/hufu passwd|203\.0\.113|undo\//)
        expect(notice?.what).toBe(
          `${locale === 'en' ? en[`${key}.name`] : zhCN[`${key}.name`]}${locale === 'en' ? ' by admin' : '，管理员操作'}`,
        )
      }
      const { text } = noticeMessage(
        { channel: 'phone', destination: destinations.phone },
        key,
        told,
        locale === 'en' ? 'Sixteen letters!' : '虎符',
        locale,
      )
      if (locale === 'en') expect(text).toMatch(gsm)
      expect(text.length, text).toBeLessThanOrEqual(locale === 'en' ? 160 : 70)
      expect(text).not.toContain('alexander')
    }
  })

  test('what people choose themselves adds no line, and is no template', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('\n', '\r', '\u2028', '{{service}}', '$t(mail_login)', 'a', '<', '%'),
    })
    fc.assert(
      fc.property(hostile, hostile, fc.constantFrom(...locales), (name, username, locale) => {
        const lines = (message: { text: string }) => message.text.split(/[\n\r\u2028]/).length
        const [told, plain] = [
          noticeFor('webauthn.bind', 'email', locale, { ...facts, values: { new: name }, username }),
          noticeFor('webauthn.bind', 'email', locale, { ...facts, values: { new: 'k' } }),
        ]
        expect(lines(told)).toBe(lines(plain))
        expect(told.subject).not.toMatch(/[\n\r]/)
        for (const word of ['{{service}}', '$t(mail_login)']) {
          if (name.includes(word) && !/[\n\r\u2028]/.test(name)) expect(told.text).toContain(word)
        }
      }),
    )
  })
})

test.each([
  ['alice', 'a***e'],
  ['al', 'a***'],
  ['王小明', '王***明'],
  ['', '***'],
])('masks the user name %s as %s', (username, mask) => expect(maskUsername(username)).toBe(mask))

test('a message is an outgoing one but for its id', () => {
  const message: OutgoingMessage = { id: '1', ...noticeFor('totp.bind', 'phone', 'en') }
  expect(message.to).toBe('+8613800138000')
})
