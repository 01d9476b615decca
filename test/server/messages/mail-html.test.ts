import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mailHtml } from '../../../src/server/messages/mail-html.ts'
import { codeMessage, noticeMessage } from '../../../src/server/messages/messages.ts'

const destination = 'alice@example.org'
const codeMail = (locale: 'en' | 'zh-CN', serviceName = 'hufu') =>
  codeMessage(
    { purpose: 'step_up', channel: 'email', destination },
    '048151',
    { serviceName, codeLifetime: 600_000 },
    locale,
  )
const link = 'https://accounts.example.org/undo?a=1&b=2'
const noticeMail = (locale: 'en' | 'zh-CN', changes = {}) =>
  noticeMessage(
    { channel: 'email', destination },
    'webauthn.bind',
    { username: 'alice', at: 0, source: '::1', values: { new: 'k' }, link, linkExpiresAt: 1, ...changes },
    'hufu',
    locale,
  )

/** What people see: tags gone, entities read. */
const visible = (html: string): string =>
  html
    .slice(html.indexOf('<main>'))
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')

describe.each(['en', 'zh-CN'] as const)('%s', locale => {
  test('the code is a block of its own, and not in the title', () => {
    const html = mailHtml(codeMail(locale))
    expect(html).toContain(`<html lang="${locale}">`)
    expect(html.match(/<p class="code">048151<\/p>/g)).toHaveLength(1)
    expect(html).toMatch(locale === 'en' ? '<title>hufu verification code</title>' : '<title>hufu 身份验证码</title>')
    expect(html).toContain('user-select:all')
    expect(html).toContain('color-scheme')
  })

  test('the link is a button, and readable below it', () => {
    const html = mailHtml(noticeMail(locale))
    const address = link.replace('&', '&amp;')
    const label = locale === 'en' ? 'This was not me' : '不是我操作的'
    expect(html).toContain(`<a class="button" href="${address}">${label}</a>`)
    expect(html).toContain(`<p class="address">${address}</p>`)
  })

  test('it says what the text says', () => {
    const words = (text: string) => text.replace(/\s+/g, '')
    for (const message of [codeMail(locale), noticeMail(locale, { link: null })]) {
      expect(words(visible(mailHtml(message)))).toBe(words(message.text))
    }
  })

  test('nothing is fetched from anywhere, and it is small', () => {
    for (const message of [codeMail(locale), noticeMail(locale)]) {
      const html = mailHtml(message)
      expect(html).not.toMatch(/<(?:img|link|script|iframe|object|form)|\bsrc=|@import|url\(/i)
      expect([...html.matchAll(/https?:/g)]).toHaveLength(message.link === null ? 0 : 2)
      expect(Buffer.byteLength(html)).toBeLessThan(3_000)
    }
  })
})

test('no text becomes markup', () => {
  const hostile = fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', 'script', ' onload=', '/', 'a', '&lt;') })
  fc.assert(
    fc.property(hostile, name => {
      const html = mailHtml(noticeMail('en', { values: { new: name }, username: name, source: name }))
      expect(html.match(/<[a-z]+/g)).toEqual(mailHtml(noticeMail('en')).match(/<[a-z]+/g))
      expect(visible(html)).toContain(`"${name}"`)
      const service = mailHtml(codeMail('en', name))
      expect(service.match(/<[a-z]+/g)).toEqual(mailHtml(codeMail('en')).match(/<[a-z]+/g))
    }),
  )
})
