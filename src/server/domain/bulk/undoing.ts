import { longestBatch, longestRun, type RowResult } from '../../../contract/rebind.ts'
import type { BulkRowsTable } from '../../store/schema.ts'
import type { Actor, Domain } from '../domain.ts'
import { ChangedMeanwhile } from '../ports/bulk-queries.ts'
import { inParts } from './in-parts.ts'
import { isPlan } from './plan.ts'
import { planContext } from './plan-context.ts'
import { prepare, type RunContext } from './prepare.ts'
import { replay } from './replay.ts'
import { outcomeOf, resultOf, skippedResult } from './results.ts'
import type { Runs } from './runs.ts'
import { type AppliedRow, appliedRow, loadUndoWorld, planUndo, type UndoWorld } from './undo-plan.ts'
import { writeRows } from './write.ts'

/** Some results, and before which row to go on; `null`: there is none before. */
export interface UndonePage {
  readonly results: RowResult[]
  readonly next: number | null
}

/** The undoing of runs, from the last row to the first. */
export interface Undoing {
  /** What undoing would bring back, and what it would skip. Writes nothing. @throws {Refusal} `run_unknown`, `run_expired` */
  preview(
    actor: Actor,
    runId: string,
    page: { readonly before_row?: number; readonly limit?: number },
  ): Promise<UndonePage>
  /** @throws {Refusal} `run_unknown`, `run_finished`, `run_secret_invalid`, `busy` */
  undo(
    actor: Actor,
    undoRunId: string,
    page: { readonly run_secret: string; readonly before_row?: number; readonly limit: number },
  ): Promise<UndonePage>
}

const nextOf = (rows: readonly BulkRowsTable[], limit: number): number | null =>
  rows.length < limit ? null : (rows.at(-1)?.row_number ?? null)

export function createUndoing(domain: Domain, runs: Runs): Undoing {
  const { store, clock, outbox } = domain

  const pageOf = (runId: string, before: number | undefined, limit: number) =>
    store.read.bulk.listRowsBefore(runId, before ?? longestRun + 1, limit)

  async function planAll(actor: Actor, undoWorld: UndoWorld, rows: readonly AppliedRow[]) {
    const context = await planContext(domain, actor, undoWorld.world)
    return rows.map(row => planUndo(undoWorld, row, context))
  }

  async function undoFresh(
    context: RunContext,
    undoWorld: UndoWorld,
    rows: readonly AppliedRow[],
  ): Promise<RowResult[]> {
    const planned = await planAll(context.actor, undoWorld, rows)
    const plans = planned.filter(isPlan)
    const accounts = new Set(plans.map(({ state }) => state.account.id))
    // Two rows about one account: the second is planned once the first is written.
    if (accounts.size < plans.length) throw new ChangedMeanwhile()
    const prepared = new Map(plans.map(plan => [plan.row, prepare(domain, context, plan)]))
    if (prepared.size > 0) {
      await store.transaction(queries =>
        writeRows(domain, queries, context.actor, context.run.id, [...prepared.values()]),
      )
    }
    return planned.map(one => {
      if ('skipped' in one) return skippedResult(one)
      const written = prepared.get(one.row)
      return written ? resultOf(written) : outcomeOf(one)
    })
  }

  async function undoPart(context: RunContext, rows: readonly AppliedRow[]): Promise<RowResult[]> {
    // First the accounts, then what is undone: whatever of another's work shows in the accounts is known as undone.
    const undoWorld = await loadUndoWorld(store.read, rows, clock.now())
    const known = await store.read.bulk.listRows(context.run.id, rows.at(-1)?.row ?? 0, rows[0]?.row ?? 0)
    const undone = new Set(known.map(row => row.row_number))
    const fresh = rows.filter(({ row }) => !undone.has(row))
    return [...(await replay(domain, known)), ...(await undoFresh(context, undoWorld, fresh))].sort(
      (a, b) => b.row - a.row,
    )
  }

  return {
    async preview(actor, runId, { before_row, limit = longestBatch }) {
      await runs.checkUndoable(runId)
      const rows = await pageOf(runId, before_row, limit)
      const applied = rows.map(appliedRow)
      const planned = await planAll(actor, await loadUndoWorld(store.read, applied, clock.now()), applied)
      const results = planned.map(one => ('skipped' in one ? skippedResult(one) : outcomeOf(one)))
      return { results, next: nextOf(rows, limit) }
    },

    async undo(actor, undoRunId, { run_secret, before_row, limit }) {
      const run = await runs.open(actor, undoRunId, 'undo', run_secret)
      const rows = await pageOf(run.undoes ?? '', before_row, limit)
      const results = await inParts(
        rows.map(appliedRow),
        part => undoPart({ run, actor }, part),
        () => runs.stillOpen(undoRunId),
      )
      outbox.wake()
      return { results, next: nextOf(rows, limit) }
    },
  }
}
