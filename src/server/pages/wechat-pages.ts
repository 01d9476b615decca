import { isoTime } from '../../lib/clock.ts'
import type { AuthorisationOutcome, Invitation } from '../domain/bindings/wechat-authorisation.ts'
import type { Locale } from '../domain/domain.ts'
import { type PageMessageKey, pageSentence } from '../messages/pages.ts'
import type { Page } from './page.ts'

/** What the form of the invitation sends. */
export const invitationAnswer = { name: 'answer', agree: 'agree', decline: 'decline' } as const

const invitationWords: PageMessageKey[] = ['invitation_asked', 'invitation_warning']

type Words = Readonly<Record<string, string>>

const pageOf = (locale: Locale, title: PageMessageKey, paragraphs: PageMessageKey[], values: Words = {}): Page => ({
  locale,
  title: pageSentence(locale, title, values),
  paragraphs: paragraphs.map(key => pageSentence(locale, key, values)),
  actions: [],
})

/**
 * Who asks for what, and whether to go on.
 * @param shown `redirect`: the origin that going on leads to; `isInWeChat`: whether the browser is WeChat's, in which
 * alone it leads on
 */
export function invitationPage(
  locale: Locale,
  { username, begunAt, source, client }: Invitation,
  shown: { readonly service: string; readonly redirect: string; readonly isInWeChat: boolean },
): Page {
  const { service, redirect, isInWeChat } = shown
  const t = (key: PageMessageKey, values?: Words) => pageSentence(locale, key, values)
  const time = isoTime(begunAt).slice(0, 16).replace('T', ' ')
  return {
    ...pageOf(locale, 'invitation_title', isInWeChat ? invitationWords : [...invitationWords, 'invitation_elsewhere'], {
      username,
      service,
    }),
    facts: [
      { label: t('invitation_account'), value: `${username} @ ${service}` },
      { label: t('invitation_begun'), value: t('invitation_begun_at', { time }) },
      { label: t('invitation_source'), value: source },
      { label: t('invitation_client'), value: client },
    ],
    actions: [
      { label: t('invitation_go_on'), name: invitationAnswer.name, value: invitationAnswer.agree, kind: 'primary' },
      { label: t('invitation_decline'), name: invitationAnswer.name, value: invitationAnswer.decline, kind: 'plain' },
    ],
    formRedirects: [redirect],
  }
}

export const overPage = (locale: Locale): Page => pageOf(locale, 'over_title', ['over_what', 'over_next'])

export const declinedPage = (locale: Locale): Page =>
  pageOf(locale, 'declined_title', ['declined_what', 'declined_next'])

export const foreignFormPage = (locale: Locale): Page => pageOf(locale, 'foreign_form_title', ['foreign_form_what'])

export const throttledPage = (locale: Locale, seconds: number): Page =>
  pageOf(locale, 'throttled_title', ['throttled_what'], { seconds: String(seconds) })

export const invalidPage = (locale: Locale): Page => pageOf(locale, 'invalid_title', ['invalid_what'])

export const faultPage = (locale: Locale): Page => pageOf(locale, 'fault_title', ['fault_what'])

/** The result of an authorisation, with its HTTP status. @param invitationPath what comes before a scene */
export function outcomePage(
  locale: Locale,
  outcome: AuthorisationOutcome,
  service: string,
  invitationPath: string,
): { page: Page; status: number } {
  switch (outcome.outcome) {
    case 'bound':
      return { status: 200, page: pageOf(locale, 'bound_title', ['bound_what', 'bound_undo'], outcome) }
    case 'code': {
      const values = { ...outcome, service, minutes: String(outcome.minutes) }
      const words = pageOf(locale, 'code_title', ['code_what', 'code_warning'], values)
      return { status: 200, page: { ...words, code: outcome.code } }
    }
    case 'used':
      return { status: 409, page: pageOf(locale, 'used_title', ['used_what']) }
    case 'over':
      return { status: 410, page: pageOf(locale, 'ended_title', ['ended_what']) }
    case 'already_bound':
      return { status: 409, page: pageOf(locale, 'already_bound_title', ['already_bound_what'], outcome) }
    case 'bound_elsewhere':
      return { status: 409, page: pageOf(locale, 'bound_elsewhere_title', ['bound_elsewhere_what'], { service }) }
    case 'proof_used':
      return { status: 410, page: overPage(locale) }
    case 'foreign':
      return { status: 400, page: pageOf(locale, 'foreign_title', ['foreign_what']) }
    default:
      return startAgainPage(locale, outcome, invitationPath)
  }
}

const startAgainWords = {
  snapshot: { status: 403, what: 'snapshot_what' },
  not_authorised: { status: 403, what: 'unbound_what' },
  code_refused: { status: 400, what: 'unbound_what' },
  unavailable: { status: 502, what: 'unavailable_what' },
} as const

function startAgainPage(
  locale: Locale,
  { outcome, scene }: { readonly outcome: keyof typeof startAgainWords; readonly scene: string | null },
  invitationPath: string,
): { page: Page; status: number } {
  const { status, what } = startAgainWords[outcome]
  const page = pageOf(locale, `${outcome}_title`, scene === null ? [what, 'rescan'] : [what])
  const label = pageSentence(locale, 'start_again')
  return { status, page: scene === null ? page : { ...page, link: { label, href: `${invitationPath}${scene}` } } }
}
