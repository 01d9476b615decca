import type { ItemChange, RowLink } from '../../../contract/rebind.ts'
import { isoTime } from '../../../lib/clock.ts'
import type { BulkRowsTable, BulkRunsTable, EventsTable, OutboxTable } from '../../store/schema.ts'
import { actorName } from '../admin/authority.ts'
import type { Actor, Domain } from '../domain.ts'
import { newLink } from '../enrolment-links.ts'
import type { NewLinkRow } from '../ports/bulk-queries.ts'
import { newTimedId } from '../secret-keys.ts'
import { type Edit, editText, eventDetails, itemChanges } from './edit.ts'
import { noticesOf } from './notices.ts'
import type { Plan } from './plan.ts'

/** The rows that tell of a plan, made before the transaction that writes them. */
export interface Prepared {
  readonly plan: Plan
  readonly changes: ItemChange[]
  readonly links: RowLink[]
  readonly bulkRow: BulkRowsTable
  readonly event: EventsTable
  readonly linkRows: readonly NewLinkRow[]
  readonly messages: readonly OutboxTable[]
}

/** Whose run it is, and who is at it. */
export interface RunContext {
  readonly run: BulkRunsTable
  readonly actor: Actor
}

/** Fresh links for what a row gives, each with its secret. */
export function linksFor(
  domain: Pick<Domain, 'clock' | 'random' | 'policy'>,
  accountId: string,
  given: NonNullable<Edit['given']>,
): { linkRows: NewLinkRow[]; links: RowLink[] } {
  const made = given.map(({ id, purpose }) => ({ ...newLink(domain, { id: accountId }, purpose, id), purpose }))
  return {
    linkRows: made.map(({ row }) => row),
    links: made.map(({ purpose, issued }) => ({
      purpose,
      link_secret: issued.secret,
      expires_at: isoTime(issued.expiresAt),
    })),
  }
}

/** Makes whatever is written of a plan: seals its notices, makes its links, masks its values. */
export function prepare(domain: Domain, { run, actor }: RunContext, plan: Plan): Prepared {
  const now = domain.clock.now()
  const { account } = plan.state
  const changes = itemChanges(plan.edit)
  return {
    plan,
    changes,
    ...linksFor(domain, account.id, plan.edit.given ?? []),
    bulkRow: {
      run_id: run.id,
      row_number: plan.row,
      account_id: account.id,
      applied_at: now,
      changes: editText(plan.edit),
    },
    event: {
      id: newTimedId(domain),
      account_id: account.id,
      at: now,
      action: run.kind === 'undo' ? 'admin.rebind_undo' : 'admin.rebind',
      method: null,
      session_id: actor.kind === 'person' ? actor.session.id : null,
      source: actor.source,
      details: JSON.stringify(eventDetails(changes, run.reason)),
      actor: actorName(actor),
      run_id: run.id,
    },
    messages: run.notify === 1 ? noticesOf(domain, plan, changes, now) : [],
  }
}
