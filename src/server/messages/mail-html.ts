import type { OutgoingMessage } from '../domain/ports/messages.ts'

/**
 * Colours are the mail program's own, light or dark, so that nothing turns unreadable where it inverts them; only the
 * button has some of ours. No image and nothing from outside: a mail that fetches tells when it was read.
 */
const style = [
  ':root{color-scheme:light dark}',
  'body{margin:0;font:16px/1.5 system-ui,-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei",sans-serif}',
  'main{max-width:34em;margin:0 auto;padding:24px}',
  '.code{font:700 32px/1.4 ui-monospace,Menlo,Consolas,monospace;letter-spacing:.1em;',
  '-webkit-user-select:all;user-select:all}',
  '.button{display:inline-block;padding:10px 20px;border-radius:6px;background:#b3261e;color:#fff;',
  'font-weight:600;text-decoration:none}',
  '.address{font-size:13px;word-break:break-all}',
].join('')

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, character => entities[character] ?? character)

/**
 * A mail's HTML, made of its plain text, so that both say the same. Paragraphs stand between empty lines; the one that
 * is the code alone becomes a large block that one click selects, and the one that ends with the link becomes a button
 * with the bare address below it.
 */
export function mailHtml({ locale, text, code, link, subject }: Omit<OutgoingMessage, 'id'>): string {
  const paragraphs = text.split(/\n{2,}/).map(paragraph => {
    if (paragraph === code) return `<p class="code">${escapeHtml(paragraph)}</p>`
    if (link !== null && paragraph.endsWith(link)) return button(paragraph.slice(0, -link.length), link)
    return `<p>${escapeHtml(paragraph).replaceAll('\n', '<br>\n')}</p>`
  })
  // The title is read out and shown in previews: the code has no place there.
  const title = code === null ? subject : subject.replace(code, '').replace(/[:：]\s*$/, '')
  return [
    '<!doctype html>',
    `<html lang="${locale}">`,
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body><main>',
    ...paragraphs,
    '</main></body>',
    '</html>',
    '',
  ].join('\n')
}

function button(label: string, link: string): string {
  const words = label.replace(/[:：]\s*$/, '') || link
  const address = escapeHtml(link)
  return `<p><a class="button" href="${address}">${escapeHtml(words)}</a></p>\n<p class="address">${address}</p>`
}
