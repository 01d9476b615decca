import { createInstance } from 'i18next'
import { printable } from '../../lib/printable.ts'
import type { Locale } from '../domain/domain.ts'

/** A sentence of one catalogue in a person's language; what stands for its `{{names}}` is given as `values`. */
export type Words<Key extends string> = (locale: Locale, key: Key, values?: Readonly<Record<string, string>>) => string

/**
 * The sentences of a catalogue, as plain texts: who writes HTML escapes them. Values lose their control characters, so
 * that none adds a line.
 */
export function wordsOf<Key extends string>(
  en: Readonly<Record<Key, string>>,
  zhCN: Readonly<Record<Key, string>>,
): Words<Key> {
  const i18n = createInstance()
  i18n.init({
    resources: { en: { translation: en }, 'zh-CN': { translation: zhCN } },
    fallbackLng: 'en',
    initAsync: false,
    keySeparator: false,
    interpolation: { escapeValue: false },
  })
  return (locale, key, values = {}) => {
    const clean = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, printable(value)]))
    return i18n.t(key, { lng: locale, ...clean })
  }
}
