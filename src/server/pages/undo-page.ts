import { isoTime } from '../../lib/clock.ts'
import type { Locale } from '../domain/domain.ts'
import type { ClosedReversal, OpenReversal, Reverted } from '../domain/reversals.ts'
import { sentence } from '../messages/messages.ts'
import { undoWord } from '../messages/undo-words.ts'
import type { Page } from './page.ts'

/** What the form sends when its button was pressed. */
export const undoAction = { name: 'action', value: 'undo' } as const

const shortTime = (at: number): string => isoTime(at).slice(0, 16).replace('T', ' ')

/** What a link would undo, with the button that does it. */
export function confirmPage(locale: Locale, { username, item, change, restores, expiresAt }: OpenReversal): Page {
  const name = undoWord(locale, `item_${item}`)
  const word = restores === null ? 'confirm_remove' : 'confirm_restore'
  return {
    locale,
    title: undoWord(locale, 'confirm_title'),
    paragraphs: [
      sentence(locale, `${item}.${change.kind}`, change.values),
      undoWord(locale, word, { item: name, value: restores ?? '' }),
      undoWord(locale, 'confirm_leave', { until: shortTime(expiresAt) }),
    ],
    facts: [
      { label: undoWord(locale, 'account'), value: username },
      { label: undoWord(locale, 'time'), value: `${shortTime(change.at)} UTC` },
      { label: undoWord(locale, 'source'), value: change.source },
    ],
    actions: [{ label: undoWord(locale, 'button'), ...undoAction, kind: 'primary' }],
  }
}

/** What was done, and what to do next. */
export function donePage(locale: Locale, { username, item, outcome, bound, codesBy }: Reverted): Page {
  const undone = outcome !== 'last_factor' && outcome !== 'unchanged'
  const values = { username, item: undoWord(locale, `item_${item}`), bound: bound ?? '' }
  const sentences = [undoWord(locale, outcome, values), undoWord(locale, 'ended')]
  const byCode = codesBy === null ? '' : ` --verify ${codesBy}`
  return {
    locale,
    title: undoWord(locale, undone ? 'done_title' : 'done_ended_title'),
    paragraphs: [
      sentences.join(locale === 'en' ? ' ' : ''),
      undoWord(locale, 'next_others'),
      undoWord(locale, 'next_locked_out'),
    ],
    facts: [
      {
        label: undoWord(locale, codesBy === null ? 'step_login' : 'step_login_by_code'),
        value: `hufu login ${username}${byCode}`,
      },
      { label: undoWord(locale, 'step_password'), value: `hufu passwd${byCode}` },
      { label: undoWord(locale, 'step_status'), value: 'hufu status' },
    ],
    actions: [],
  }
}

/** For links that do nothing. Of those that nobody was given and those whose time is over it says the same. */
export function closedPage(locale: Locale, closed: ClosedReversal): Page {
  const why =
    closed.state === 'unknown'
      ? undoWord(locale, 'unknown')
      : undoWord(locale, closed.state, {
          item: undoWord(locale, `item_${closed.item}`),
          time: shortTime(closed.at),
        })
  return {
    locale,
    title: undoWord(locale, 'closed_title'),
    paragraphs: [why, undoWord(locale, 'closed_next')],
    actions: [],
  }
}

/** For a form that another site sent. */
export const refusedPage = (locale: Locale): Page => ({
  locale,
  title: undoWord(locale, 'refused_title'),
  paragraphs: [undoWord(locale, 'refused')],
  actions: [],
})

export const throttledPage = (locale: Locale, seconds: number): Page => ({
  locale,
  title: undoWord(locale, 'throttled_title'),
  paragraphs: [undoWord(locale, 'throttled', { seconds: String(seconds) })],
  actions: [],
})
