import { createInstance } from 'i18next'
import { printable } from '../../lib/printable.ts'
import type { Catalogue } from './en.ts'

/** A plural form of i18next is told by its number alone: `sessions.revoked_one` is reached as `sessions.revoked`. */
type WithoutPlural<K> = K extends `${infer Stem}_one` | `${infer Stem}_other` ? Stem : K

export type MessageKey = WithoutPlural<keyof Catalogue>
export type MessageValues = Readonly<Record<string, string | number>>
export type Translate = (key: MessageKey, values?: MessageValues) => string

export const languages = ['en', 'zh-CN'] as const
export type Language = (typeof languages)[number]

/** The language of a tag or a locale (`zh_CN.UTF-8`, `zh-Hans`, `en_GB`); `undefined` for one that we do not speak. */
export function languageOf(tag: string): Language | undefined {
  const primary = tag.toLowerCase().split(/[-_.@]/, 1)[0]
  if (primary === 'zh') return 'zh-CN'
  return primary === 'en' || primary === 'c' || primary === 'posix' ? 'en' : undefined
}

/**
 * The person's language: `--lang`, else the first that is set of LC_ALL, LC_MESSAGES and LANG (POSIX, section 8.2);
 * English for languages that we do not speak.
 */
export function chooseLanguage(asked: string | undefined, env: Readonly<Record<string, string | undefined>>): Language {
  const tag = asked || env.LC_ALL || env.LC_MESSAGES || env.LANG || 'en'
  return languageOf(tag) ?? 'en'
}

/** Loads one catalogue, and no other. The values put into a sentence are made printable. */
export async function loadCatalogue(language: Language): Promise<Translate> {
  const messages: Catalogue | Readonly<Record<string, string>> =
    language === 'zh-CN' ? (await import('./zh-CN.ts')).zhCn : (await import('./en.ts')).en
  const i18n = createInstance()
  await i18n.init({
    lng: language,
    fallbackLng: false,
    keySeparator: false,
    nsSeparator: false,
    returnNull: false,
    interpolation: { escapeValue: false, skipOnVariables: true },
    resources: { [language]: { translation: { ...messages } } },
  })
  return (key, values = {}) => {
    const clean: Record<string, string | number> = {}
    for (const [name, value] of Object.entries(values))
      clean[name] = typeof value === 'string' ? printable(value) : value
    return i18n.t(key, clean)
  }
}
