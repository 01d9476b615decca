/**
 * What differs from run to run, and what stands for it. Each is as wide as what it replaces, so that columns and line
 * ends stay where they are; only the number in a sentence (a port, some seconds) may change the width.
 */
const volatile: readonly (readonly [
  what: string,
  pattern: RegExp,
  placeholder: string | ((found: string) => string),
])[] = [
  ['the port of the server, of a key', /(?<=(?:localhost|127\.0\.0\.1):)\d{4,5}\b/g, 'PORT'],
  ['a day and a time', /\b\d{4}-\d\d-\d\d(\s)\d\d:\d\d\b/g, 'YYYY-MM-DD$1hh:mm'],
  ['a day', /\b\d{4}-\d\d-\d\d\b/g, 'YYYY-MM-DD'],
  ['an app’s secret', /\b(?:[A-Z2-7]{4}\s){7}[A-Z2-7]{4}\b/g, found => found.replace(/\w/g, 'S')],
  ['a recovery code', /\b[0-9a-z]{4}(?:-[0-9a-z]{4}){3}\b/g, 'xxxx-xxxx-xxxx-xxxx'],
  [
    'where a list goes on',
    /\b\d{13}-[A-Za-z0-9_-]{22}(?![\w-])/g,
    found => 'N'.repeat(13).concat('-', 'I'.repeat(22)).slice(0, found.length),
  ],
  ['an id', /(?<![\w/-])(?=[\w-]{0,21}[A-Z0-9_-])[A-Za-z0-9_-]{22}(?![\w-])/g, 'I'.repeat(22)],
  ['a code that was typed', /(?<![\w+*])\d{6}(?![\w*])/g, 'CCCCCC'],
  ['somebody’s WeChat', /\bo[\w-]{3}\*{3}[\w-]{4}(?![\w-])/g, 'oOOO***OOOO'],
  ['minutes and seconds that are left', /(?<=… |, |剩余 )\d{1,2}:\d\d(?= left| in all|，|$)/gm, 'M:SS'],
  ['the modules of a QR code', /[█▀▄][█▀▄ ]*(?=[█▀▄])[█▀▄]|[█▀▄]/g, found => '▒'.repeat(found.length)],
  ['seconds to wait', /\b\d+ seconds?\b/g, 'N seconds'],
  ['秒数', /\d+ 秒/g, 'N 秒'],
  ['the version and the machine', /\bhufu\/\d+\.\d+\.\d+ \(\w+\)/g, 'hufu/VERSION (PLATFORM)'],
]

/** `text` with placeholders for all that differs from run to run. */
export const normalise = (text: string): string =>
  volatile.reduce(
    (normal, [, pattern, placeholder]) =>
      typeof placeholder === 'string' ? normal.replace(pattern, placeholder) : normal.replace(pattern, placeholder),
    text,
  )
