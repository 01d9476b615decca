import { BulkError } from '../../bulk/error.ts'
import { linkCommand, linkUrl } from '../../bulk/results.ts'
import type { RunOutcome } from '../../bulk/run-state.ts'
import type { Context, Terminal } from '../../cli/context.ts'
import { timeOf, wallTime } from '../../lib/clock.ts'

const membersOf = (outcome: RunOutcome, results: string | undefined) => {
  const { runId, kind, isDry, rows, applied, unchanged, failed, skipped, refused, changes } = outcome
  return {
    run_id: runId,
    kind,
    dry_run: isDry,
    rows,
    applied,
    unchanged,
    failed,
    skipped,
    refused,
    changes: Object.fromEntries(changes),
    results: results ?? null,
  }
}

function sayDryRun({ rows, refused, failed, unchanged, skipped, changes }: RunOutcome, terminal: Terminal): void {
  const { t } = terminal
  const each = [...changes].map(([item, count]) => t('bulk.change_count', { item: t(`bulk.item.${item}`), count }))
  terminal.say(t('bulk.dry_changes', { changes: each.join(t('list.and')) || t('bulk.no_change') }))
  terminal.say(t('bulk.dry_counts', { rows, refused: refused + failed, unchanged, skipped }))
}

function sayCounts(outcome: RunOutcome, terminal: Terminal): void {
  const { t } = terminal
  const { runId, kind, rows, applied, unchanged, failed, skipped, refused } = outcome
  if (runId === null) {
    terminal.say(t('bulk.nothing_to_do'))
    return
  }
  const run = { run: runId, rows, applied, unchanged, failed, refused, skipped }
  if (outcome.wasFinished)
    terminal.say(t(kind === 'undo' ? 'bulk.undo_was_finished' : 'bulk.was_finished', { run: runId }))
  terminal.say(t(kind === 'undo' ? 'bulk.undone' : 'bulk.applied', run))
  if (kind === 'rebind' && applied > 0) terminal.note(t('bulk.undo_by', { run: runId }))
}

/** The links of the one row that has some: there may be no other place where they stand. */
async function showLinks({ linkRow }: RunOutcome, { terminal, api }: Context): Promise<void> {
  if (!linkRow) return
  const { t } = terminal
  for (const { purpose, link_secret, expires_at } of linkRow.links) {
    const url = linkUrl(api.origin, link_secret)
    const command = linkCommand(api.origin, purpose)
    terminal.event('link', { row: linkRow.number, account: linkRow.account, purpose, url, command, expires_at })
    const account = linkRow.account ?? ''
    terminal.say(t(`bulk.link.${purpose}`, { account, time: wallTime(timeOf(expires_at)) }))
    await terminal.qr(url, [t('bulk.link_command', { command })])
  }
}

function rowsError({ kind, isDry, rows, refused, failed }: RunOutcome, file: string | undefined): BulkError {
  if (kind === 'undo') return new BulkError(isDry ? 'bulk_undo_refused' : 'bulk_undo_failed', { failed, rows })
  if (isDry) return new BulkError('bulk_rows_refused', { refused, rows, file: file ?? '' })
  return new BulkError('bulk_rows_failed', { failed: refused + failed, rows: rows + refused })
}

/**
 * Says how a run has ended.
 * @throws {BulkError} `bulk_rows_failed`, `bulk_rows_refused`, of an undoing `bulk_undo_failed`, `bulk_undo_refused`, where some rows were not, or would not be, applied
 */
export async function sayOutcome(
  context: Context,
  { results, file }: { readonly results: string | undefined; readonly file: string | undefined },
  outcome: RunOutcome,
): Promise<void> {
  const { terminal } = context
  if (outcome.isDry) sayDryRun(outcome, terminal)
  else sayCounts(outcome, terminal)
  await showLinks(outcome, context)
  if (results !== undefined) terminal.note(terminal.t('bulk.results_in', { file: results }))
  const members = membersOf(outcome, results)
  if (outcome.refused + outcome.failed > 0) {
    terminal.event('summary', members)
    throw rowsError(outcome, file)
  }
  terminal.result(members)
}
