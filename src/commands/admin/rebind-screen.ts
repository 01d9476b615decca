import type { BulkValues } from '../../bulk/error.ts'
import { rowFaultCodes } from '../../bulk/row.ts'
import type { RunOutcome } from '../../bulk/run-state.ts'
import type { BulkScreen, Progress } from '../../bulk/world.ts'
import type { Context, Terminal, Waiting } from '../../cli/context.ts'
import { problems } from '../../contract/problems.ts'
import { rebindFileColumns } from '../../contract/rebind.ts'
import { printable } from '../../lib/printable.ts'

const liveInterval = 200
const plainInterval = 5000
const eventInterval = 1000
/** How many rows are shown; all of them are in the results. */
const mostShown = 20

const serverCodes = [
  'account_unknown',
  'account_disabled',
  'bound_elsewhere',
  'already_bound',
  'not_bound',
  'last_factor',
  'own_account',
  'last_admin',
  'invalid_request',
  'internal_error',
  'changed_since',
] as const
const ownWords = [...rowFaultCodes, ...serverCodes] as const

const isProblem = (code: string): code is keyof typeof problems => Object.hasOwn(problems, code)

/** What is wrong with a row, in people's words; a code that a newer server knows keeps its name. */
export function rowWords(
  code: string,
  values: BulkValues,
  { t }: Pick<Terminal, 't'>,
  kind: RunOutcome['kind'] = 'rebind',
): string {
  const known = ownWords.find(each => each === code)
  if (known === 'row_value') {
    return t('row.row_value', { ...values, expected: t(`row.expected.${expectedOf(values.column)}`) })
  }
  if (known === 'row_column_unknown') return t('row.row_column_unknown', { ...values, meant: meantWords(values, t) })
  if (known === 'bound_elsewhere' && values.owner) {
    return t(kind === 'undo' ? 'row.bound_elsewhere_since' : 'row.bound_elsewhere_owner', values)
  }
  if (known) return t(`row.${known}`, values)
  return isProblem(code) ? t(`error.${code}`) : code
}

const expectedOf = (column: BulkValues[string] | undefined) =>
  rebindFileColumns.find(each => each === column) ?? 'username'

/** The name that was probably meant, as a part of a sentence. */
const meantWords = ({ meant }: BulkValues, t: Terminal['t']): string =>
  meant ? t('usage.did_you_mean', { what: meant }) : ''

function timeLeft(seconds: number | undefined, { t }: Terminal): string {
  if (seconds === undefined) return ''
  return seconds < 120
    ? t('bulk.left_seconds', { seconds })
    : t('bulk.left_minutes', { minutes: Math.ceil(seconds / 60) })
}

function progressWords(progress: Progress, terminal: Terminal): string {
  const { phase, done, rows, failed, rate } = progress
  const { t } = terminal
  if (rows === undefined) return t('bulk.progress_reading', { done, rate })
  const percent = rows === 0 ? 100 : Math.floor((done * 100) / rows)
  const counts = { done, rows, percent, rate, failed }
  const left = timeLeft(progress.left, terminal)
  return t('bulk.progress', { phase: t(`bulk.phase.${phase}`), ...counts, left })
}

/** Shows a run on stderr: one line that changes on a screen, a line every few seconds elsewhere, events with `--json`. */
export function createBulkScreen({ terminal }: Pick<Context, 'terminal'>): BulkScreen {
  const { t } = terminal
  let waiting: Waiting | undefined
  let refused = 0
  let shown = 0
  const settle = () => {
    waiting?.stop()
    waiting = undefined
  }
  const line = (text: string) => {
    settle()
    terminal.warn(text)
  }
  return {
    interval: terminal.json ? eventInterval : terminal.isProgressLive ? liveInterval : plainInterval,
    settle,
    progress(progress) {
      const { phase, done, rows, failed, rate, left } = progress
      terminal.event('progress', { phase, done, rows: rows ?? null, failed, rate, seconds_left: left ?? null })
      const words = progressWords(progress, terminal)
      if (waiting) waiting.update(words)
      else waiting = terminal.progress(words)
    },
    refused({ number, line: place, code, message }) {
      refused++
      if (refused > mostShown) return
      terminal.event('row', { row: number, line: place, code, message })
      const words = { row: number, line: place ?? 0, message: printable(message), code }
      line(t(place === null ? 'bulk.row_refused' : 'bulk.row_refused_at', words))
      if (refused === mostShown) line(t('bulk.more_refused'))
    },
    wouldChange(number, account, changes) {
      shown++
      if (shown > mostShown) return
      settle()
      terminal.note(t('bulk.would_change', { row: number, account, changes: changes || t('bulk.no_change') }))
      if (shown === mostShown) terminal.note(t('bulk.more_changes'))
    },
    pausing(error, milliseconds) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      terminal.event('waiting', { code, seconds: Math.ceil(milliseconds / 1000) })
      const words = t('bulk.waiting', {
        reason: isProblem(code) ? t(`error.${code}`) : code,
        seconds: Math.ceil(milliseconds / 1000),
      })
      if (waiting) waiting.update(words)
      else waiting = terminal.progress(words)
    },
    keptResults(path) {
      line(t('bulk.kept_results', { file: path }))
    },
  }
}
