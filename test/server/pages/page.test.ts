import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Page, renderPage } from '../../../src/server/pages/page.ts'

const page: Page = {
  locale: 'en',
  title: 'A title',
  paragraphs: ['First.', 'Second.'],
  facts: [{ label: 'Account', value: 'a***e' }],
  code: '123456',
  actions: [
    { label: 'Go on', name: 'answer', value: 'yes', kind: 'primary' },
    { label: 'Not me', name: 'answer', value: 'no', kind: 'plain' },
  ],
  formAction: '/w/scene',
  link: { label: 'Start again', href: '/w/scene' },
}

const tags = (html: string): string[] => html.match(/<[^>]*>/g) ?? []

test('nothing that a text says becomes markup, whatever it is', () => {
  const shape = tags(renderPage(page).html)
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('<script>', '"><b x="', "'&lt;", ''),
      (text, markup) => {
        const hostile = text + markup
        const { html } = renderPage({
          ...page,
          title: hostile,
          paragraphs: [hostile, hostile],
          facts: [{ label: hostile, value: hostile }],
          code: hostile,
          actions: page.actions.map(action => ({ ...action, label: hostile })),
          link: { label: hostile, href: '/w/scene' },
        })
        expect(tags(html)).toEqual(shape)
      },
    ),
  )
})

test('attributes are closed by nothing in them, and controls and bidirectional marks are left out', () => {
  const { html } = renderPage({
    ...page,
    title: 'a\u202eb\u0007c',
    formAction: '/w/"onfocus="x',
    actions: [{ label: 'x', name: '"', value: "'><i>", kind: 'plain' }],
  })
  expect(html).toContain('action="/w/&quot;onfocus=&quot;x"')
  expect(html).toContain('name="&quot;" value="&#39;&gt;&lt;i&gt;"')
  expect(html).toContain('<title>abc</title>')
})

test('the policy allows the one style, no script, and forms to ourselves and where it is told', () => {
  const { html, headers } = renderPage({ ...page, formRedirects: ['https://open.weixin.qq.com'] })
  const style = /<style>([\s\S]*)<\/style>/.exec(html)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  expect(headers['content-security-policy']).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self' https://open.weixin.qq.com; frame-ancestors 'none'; base-uri 'none'`,
  )
  expect(renderPage(page).headers['content-security-policy']).toContain("form-action 'self';")
  expect(html).not.toMatch(/<script|<link|<img|style=| on\w+=|https?:/)
  expect(headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  })
})

test('it says its language, fits a phone, and has one heading', () => {
  const { html } = renderPage({ ...page, locale: 'zh-CN' })
  expect(html).toContain('<html lang="zh-CN">')
  expect(html).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">')
  expect(html.match(/<h1>/g)).toHaveLength(1)
  expect(html).toContain('prefers-color-scheme:dark')
})

test('without actions there is no form', () => {
  expect(renderPage({ locale: 'en', title: 'x', paragraphs: [], actions: [] }).html).not.toContain('<form')
})
