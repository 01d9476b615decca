import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { chooseLanguage, languageOf, loadCatalogue, type MessageKey } from '../../src/cli/messages/catalogue.ts'
import { en } from '../../src/cli/messages/en.ts'
import { zhCn } from '../../src/cli/messages/zh-CN.ts'

const english: Readonly<Record<string, string>> = en
const chinese: Readonly<Record<string, string>> = zhCn
const stem = (key: string): string => key.replace(/_(one|other)$/, '')
const placeholders = (text: string): string[] =>
  [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name ?? '').sort()

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'messages' ? [] : sources(path)
    return [readFileSync(path, 'utf8')]
  })
}

/** Keys that are put together at run time, by their literal beginnings: `error.${code}`. */
const computed =
  /`((?:error|next|keyring|item|method|action|missing|unreachable|message_failure|bind|help\.unbind|demo|keys\.pin|key\.option|doctor\.pin|doctor\.section|help\.key\.pin|row|row\.expected|bulk\.phase|bulk\.how|bulk\.item|bulk\.link|admin\.role|admin\.link|log\.actor)\.)\$\{/g

describe('the catalogues', () => {
  it('have the same keys', () => {
    const stems = (catalogue: object) => [...new Set(Object.keys(catalogue).map(stem))].sort()
    expect(stems(chinese)).toEqual(stems(english))
  })

  it('give every plural its forms', () => {
    for (const key of Object.keys(english)) {
      if (key.endsWith('_one')) expect(Object.keys(english)).toContain(`${stem(key)}_other`)
    }
    expect(Object.keys(chinese).filter(key => key.endsWith('_one'))).toEqual([])
  })

  it('have the same placeholders in both languages', () => {
    for (const [key, text] of Object.entries(chinese)) {
      expect(placeholders(text), key).toEqual(placeholders(english[key] ?? ''))
    }
  })

  it('hold no key that nothing uses', () => {
    const code = [...sources('src/cli'), ...sources('src/commands')].join('\n')
    const beginnings = new Set([...code.matchAll(computed)].map(([, beginning]) => beginning ?? ''))
    const unused = [...new Set(Object.keys(english).map(stem))].filter(key => {
      if (code.includes(`'${key}'`)) return false
      const beginning = [...beginnings].find(start => key.startsWith(start))
      if (beginning === 'error.' || beginning === 'next.') return !(key.slice(beginning.length) in exitCodes)
      return beginning === undefined
    })
    expect(unused).toEqual([])
  })

  it('say no empty sentence and end none in a blank', () => {
    for (const [key, text] of [...Object.entries(english), ...Object.entries(chinese)]) {
      expect(text.trim(), key).not.toBe('')
    }
  })

  it('put printable values into sentences', async () => {
    const t = await loadCatalogue('en')
    expect(t('code.sent', { destination: 'a\u001b[31m\u202eb' })).toBe('A code is on its way to ab.')
    expect(t('code.sent', { destination: '$t(code.sent) {{destination}}' })).toContain('$t(code.sent) {{destination}}')
    expect(t('no.such.key' as MessageKey)).toBe('no.such.key')
  })

  it('count as the language does', async () => {
    const t = await loadCatalogue('en')
    expect(t('when.seconds', { count: 1 })).toBe('in 1 second')
    expect(t('when.seconds', { count: 30 })).toBe('in 30 seconds')
    expect((await loadCatalogue('zh-CN'))('when.seconds', { count: 1 })).toBe('1 秒后')
  })
})

describe('the language', () => {
  it.each([
    ['zh_CN.UTF-8', 'zh-CN'],
    ['zh-Hant-TW', 'zh-CN'],
    ['zh', 'zh-CN'],
    ['en_GB.UTF-8', 'en'],
    ['C.UTF-8', 'en'],
    ['POSIX', 'en'],
    ['fr_FR', undefined],
  ])('of %s is %s', (tag, language) => expect(languageOf(tag)).toBe(language))

  it.each([
    ['zh', { LC_ALL: 'en_US.UTF-8' }, 'zh-CN'],
    [undefined, { LC_ALL: 'en_US', LC_MESSAGES: 'zh_CN', LANG: 'zh_CN' }, 'en'],
    [undefined, { LC_MESSAGES: 'zh_CN', LANG: 'en_US' }, 'zh-CN'],
    [undefined, { LC_ALL: '', LANG: 'zh_CN.UTF-8' }, 'zh-CN'],
    [undefined, { LANG: 'de_DE' }, 'en'],
    [undefined, {}, 'en'],
  ])('asked %s with %j is %s', (asked, env, language) => expect(chooseLanguage(asked, env)).toBe(language))
})
