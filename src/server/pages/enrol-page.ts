import type { Locale } from '../domain/domain.ts'
import { pageSentence } from '../messages/pages.ts'
import type { Page } from './page.ts'

/**
 * What to do with an enrolment link that was opened in a browser. Its secret stands behind the `#` and stays there, so
 * that which of the three commands it is for is not known here.
 * @param origin where people reach this server
 */
export function enrolPage(locale: Locale, origin: string): Page {
  const given = `--server ${origin} --link-file link.txt`
  return {
    locale,
    title: pageSentence(locale, 'enrol_title'),
    paragraphs: [
      pageSentence(locale, 'enrol_what'),
      pageSentence(locale, 'enrol_save'),
      pageSentence(locale, 'enrol_close'),
    ],
    facts: [
      { label: pageSentence(locale, 'enrol_password'), value: `hufu passwd ${given}` },
      { label: pageSentence(locale, 'enrol_totp'), value: `hufu bind totp ${given}` },
      { label: pageSentence(locale, 'enrol_webauthn'), value: `hufu bind webauthn ${given}` },
    ],
    actions: [],
  }
}
