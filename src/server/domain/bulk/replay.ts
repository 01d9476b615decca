import type { RowResult } from '../../../contract/rebind.ts'
import type { AccountsTable, BulkRowsTable } from '../../store/schema.ts'
import type { Domain } from '../domain.ts'
import { ChangedMeanwhile } from '../ports/bulk-queries.ts'
import { newId } from '../secret-keys.ts'
import { type Edit, editOf, editText, itemChanges } from './edit.ts'
import { linksFor } from './prepare.ts'

/** A row that was applied, with its account as it is now. */
export interface ReplayedRow {
  readonly row: number
  readonly account: AccountsTable | undefined
  readonly edit: Edit
}

/**
 * Answers rows that were applied before, as then. Whoever asks again has not seen the answer, and so nobody has seen
 * the secrets of its links: each that is still unused gives way to another.
 * @param isAskedFor whether it is this row that is asked for now; another of its number fails with `batch_mismatch`
 * @throws {ChangedMeanwhile} when the same was asked at the same time
 */
export async function replay(
  domain: Domain,
  rows: readonly BulkRowsTable[],
  isAskedFor: (replayed: ReplayedRow) => boolean = () => true,
): Promise<RowResult[]> {
  if (rows.length === 0) return []
  const { bulk } = domain.store.read
  const accounts = new Map((await bulk.findAccounts(rows.map(row => row.account_id))).map(one => [one.id, one]))
  const results: RowResult[] = []
  for (const row of rows) {
    const edit = editOf(row.changes)
    const account = accounts.get(row.account_id)
    const nothing = { row: row.row_number, username: account?.username ?? null, owner: null }
    if (isAskedFor({ row: row.row_number, account, edit })) {
      const links = edit.given ? await renewLinks(domain, row, edit, edit.given) : []
      results.push({ ...nothing, status: 'applied', code: null, changes: itemChanges(edit), links })
    } else {
      results.push({ ...nothing, username: null, status: 'failed', code: 'batch_mismatch', changes: [], links: [] })
    }
  }
  return results
}

async function renewLinks(
  domain: Domain,
  row: BulkRowsTable,
  edit: Edit,
  given: NonNullable<Edit['given']>,
): Promise<RowResult['links']> {
  const found = await domain.store.read.bulk.findLinks(given.map(({ id }) => id))
  const unused = new Set(found.filter(link => link.used_at === null).map(({ id }) => id))
  const renewed = given.map(link => (unused.has(link.id) ? { ...link, id: newId(domain.random) } : link))
  const fresh = renewed.filter(link => !given.includes(link))
  if (fresh.length === 0) return []
  const { linkRows, links } = linksFor(domain, row.account_id, fresh)
  await domain.store.transaction(async ({ bulk }) => {
    await bulk.replaceChanges(row, editText({ ...edit, given: renewed }))
    // One that was used a moment ago has done what it was for.
    const ended = await bulk.endLinks([...unused], domain.clock.now())
    if (ended !== unused.size) throw new ChangedMeanwhile()
    await bulk.insertLinks(linkRows)
  })
  return links
}
