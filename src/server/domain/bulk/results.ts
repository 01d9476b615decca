import type { RowResult } from '../../../contract/rebind.ts'
import { itemChanges } from './edit.ts'
import type { Planned } from './plan.ts'
import { isPlan } from './plan.ts'
import type { Prepared } from './prepare.ts'
import type { Skipped } from './undo-plan.ts'

const nothing = { code: null, owner: null, changes: [], links: [] } as const

/** What a plan would come to; of one that is applied, {@link resultOf} says it. */
export function outcomeOf(planned: Planned): RowResult {
  const { row } = planned
  if (isPlan(planned)) {
    const changes = itemChanges(planned.edit)
    return { ...nothing, row, username: planned.state.account.username, status: 'applied', changes, links: [] }
  }
  if ('unchanged' in planned) {
    return { ...nothing, row, username: planned.username, status: 'unchanged', changes: [], links: [] }
  }
  const { username, code, owner } = planned
  return { row, username, status: 'failed', code, owner, changes: [], links: [] }
}

/** What became of a row that is applied. */
export const resultOf = ({ plan, changes, links }: Pick<Prepared, 'plan' | 'changes' | 'links'>): RowResult => ({
  row: plan.row,
  username: plan.state.account.username,
  status: 'applied',
  code: null,
  owner: null,
  changes,
  links,
})

/** A row that is left as it is, because its account was changed since. */
export const skippedResult = ({ row, username }: Skipped): RowResult => ({
  row,
  username,
  status: 'skipped',
  code: 'changed_since',
  owner: null,
  changes: [],
  links: [],
})
