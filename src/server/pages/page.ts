import { hash } from 'node:crypto'
import { printable } from '../../lib/printable.ts'
import type { Locale } from '../domain/domain.ts'

/** A page for a person with a browser: words, and buttons that send one form. All texts are plain text. */
export interface Page {
  readonly locale: Locale
  readonly title: string
  readonly paragraphs: readonly string[]
  /** Each is a button that sends `name=value` to `formAction`. */
  readonly actions: readonly {
    readonly label: string
    readonly name: string
    readonly value: string
    readonly kind: 'primary' | 'plain'
  }[]
  /** The path that the buttons POST to; left out: the page's own. */
  readonly formAction?: string
  /** Origins beside our own to which the answer to the form may lead: Chromium holds redirects to `form-action`. */
  readonly formRedirects?: readonly string[]
  /** What the person is asked about, a name and a value each. */
  readonly facts?: readonly { readonly label: string; readonly value: string }[]
  /** Something to read off and type elsewhere. */
  readonly code?: string
  /** Where to go on instead: a path of ours. */
  readonly link?: { readonly label: string; readonly href: string }
}

export interface RenderedPage {
  readonly html: string
  readonly headers: Readonly<Record<string, string>>
}

// Text has a contrast of 7:1 and more in both schemes (WCAG 2.2, 1.4.6); buttons are at least 44 pixels high.
const style = `
:root{color-scheme:light dark}
body{font:1.0625rem/1.6 system-ui,-apple-system,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif;
max-width:34rem;margin:0 auto;padding:1.5rem 1.25rem;color:#1a1a1a;background:#fff;overflow-wrap:anywhere}
h1{font-size:1.375rem;line-height:1.35;margin:0 0 1rem}
dl{margin:1rem 0;padding:.75rem 1rem;border:1px solid #767676;border-radius:.5rem}
dt{font-size:.9375rem;color:#4a4a4a}
dd{margin:0 0 .5rem;font-weight:600}
dd:last-child{margin-bottom:0}
.code{display:block;margin:1rem 0;font:600 2rem/1.2 ui-monospace,monospace;letter-spacing:.15em}
button{display:block;width:100%;min-height:3rem;margin:.75rem 0;padding:.6rem 1rem;font:inherit;font-weight:600;
border:1px solid #767676;border-radius:.5rem;color:inherit;background:none}
button.primary{color:#fff;background:#00582b;border-color:#00582b}
a{color:#0a4a8f}
:focus-visible{outline:3px solid #0a4a8f;outline-offset:2px}
@media (prefers-color-scheme:dark){
body{color:#f0f0f0;background:#141414}
dt{color:#c4c4c4}
button.primary{color:#06210f;background:#7fdca2;border-color:#7fdca2}
a{color:#9cc9ff}
:focus-visible{outline-color:#9cc9ff}
}`

const styleSource = `'sha256-${hash('sha256', style, 'base64')}'`

const entities: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }

/** `text` as HTML text or as the value of a quoted attribute; controls that hide or reorder text are left out. */
const escapeHtml = (text: string): string => printable(text).replace(/[&<>"']/g, found => `&${entities[found]};`)

/** Writes the page as HTML (a whole document) with the headers that must go with it. No script, and none would run. */
export function renderPage(page: Page): RenderedPage {
  const formSources = ["'self'", ...(page.formRedirects ?? [])].join(' ')
  return {
    html: documentOf(page),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src ${styleSource}; form-action ${formSources}; frame-ancestors 'none'; base-uri 'none'`,
      'cache-control': 'no-store',
      // The address may be a secret, and no other origin learns it. Under `no-referrer` a browser would send the form
      // with `Origin: null`, and nobody could tell it from a stranger's (Fetch, "append a request Origin header").
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'x-robots-tag': 'noindex, nofollow',
      vary: 'accept-language',
      'content-language': page.locale,
    },
  }
}

function documentOf(page: Page): string {
  const title = escapeHtml(page.title)
  const body = [
    `<h1>${title}</h1>`,
    ...page.paragraphs.slice(0, 1).map(paragraph),
    ...factsOf(page),
    ...(page.code === undefined ? [] : [`<p class="code">${escapeHtml(page.code)}</p>`]),
    ...page.paragraphs.slice(1).map(paragraph),
    ...formOf(page),
    ...(page.link ? [`<p><a href="${escapeHtml(page.link.href)}">${escapeHtml(page.link.label)}</a></p>`] : []),
  ]
  return `<!doctype html>
<html lang="${page.locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
${body.join('\n')}
</main>
</body>
</html>
`
}

const paragraph = (text: string): string => `<p>${escapeHtml(text)}</p>`

function factsOf({ facts = [] }: Page): string[] {
  if (facts.length === 0) return []
  const rows = facts.map(({ label, value }) => `<dt>${escapeHtml(label)}</dt><dd><bdi>${escapeHtml(value)}</bdi></dd>`)
  return [`<dl>${rows.join('\n')}</dl>`]
}

function formOf({ actions, formAction }: Page): string[] {
  if (actions.length === 0) return []
  const target = formAction === undefined ? '' : ` action="${escapeHtml(formAction)}"`
  const buttons = actions.map(
    ({ label, name, value, kind }) =>
      `<button type="submit" class="${kind}" name="${escapeHtml(name)}" value="${escapeHtml(value)}">${escapeHtml(label)}</button>`,
  )
  return [`<form method="post"${target}>`, ...buttons, '</form>']
}
