import { batchText, type RebindRow, type RowResult } from '../../../contract/rebind.ts'
import type { Actor, Domain } from '../domain.ts'
import { ChangedMeanwhile } from '../ports/bulk-queries.ts'
import type { Channel } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'
import { usernameKey } from '../usernames.ts'
import { type BatchHashing, hashBatch } from './hashing.ts'
import { inParts } from './in-parts.ts'
import { isPlan, type PlanContext, type Planned, planRow } from './plan.ts'
import { planContext } from './plan-context.ts'
import { prepare, type RunContext } from './prepare.ts'
import { type ReplayedRow, replay } from './replay.ts'
import { outcomeOf, resultOf } from './results.ts'
import { checkDigest, type Runs } from './runs.ts'
import { isWish, type RefusedRow, readRows, type Wish } from './wishes.ts'
import { loadWorld, type World } from './world.ts'
import { writeRows } from './write.ts'

/** Rows of files of rebindings, looked at or applied. */
export interface Rebinding {
  /** What each row would change, after those before it. Writes nothing. */
  check(actor: Actor, rows: readonly RebindRow[]): Promise<RowResult[]>
  /**
   * Applies one batch of a run, each of its rows once, however often and by however many at once it is sent.
   * @throws {Refusal} `run_unknown`, `run_finished`, `run_secret_invalid`, `batch_mismatch`, `busy`
   */
  apply(
    actor: Actor,
    runId: string,
    batch: number,
    given: { readonly run_secret: string; readonly rows: readonly RebindRow[] },
  ): Promise<RowResult[]>
}

/** @throws {Refusal} `batch_mismatch` where a row's number is not greater than that of the one before */
function checkGrowing(rows: readonly RebindRow[]): void {
  const grows = rows.every(({ row }, index) => row > (rows[index - 1]?.row ?? 0))
  if (!grows) throw new Refusal('batch_mismatch')
}

/** Whether a row asks for what was applied under its number: another batch may have another row of that number. */
function asksFor(row: Wish | RefusedRow | undefined, { account, edit }: ReplayedRow): boolean {
  if (!row || !account) return false
  // By rules that were tightened since: its account is all that can be compared.
  if (!isWish(row)) return row.username === null || usernameKey(row.username) === account.username_key
  const isNamed = row.accountId === undefined ? row.usernameKey === account.username_key : row.accountId === account.id
  const asks = (item: Channel) => edit[item] === undefined || edit[item].after?.value === row[item]?.value
  return isNamed && asks('phone') && asks('email')
}

export function createRebinding(domain: Domain, runs: Runs): Rebinding {
  const { store, outbox, policy } = domain

  const planAll = (world: World, rows: readonly (Wish | RefusedRow)[], context: PlanContext): Planned[] =>
    rows.map(row => (isWish(row) ? planRow(world, row, context) : row))

  /** Applies rows none of which has been applied. */
  async function applyFresh(
    context: RunContext,
    world: World,
    rows: readonly (Wish | RefusedRow)[],
    hashing: BatchHashing,
  ) {
    const wishes = rows.filter(isWish)
    await hashing.prepare(wishes.filter(wish => world.stateOf(wish) !== undefined))
    const planned = planAll(world, rows, { ...(await planContext(domain, context.actor, world)), hashFor: hashing.of })
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
      const written = prepared.get(one.row)
      return written ? resultOf(written) : outcomeOf(one)
    })
  }

  async function applyPart(context: RunContext, rows: readonly (Wish | RefusedRow)[], hashing: BatchHashing) {
    const [first, last] = [rows[0]?.row ?? 0, rows.at(-1)?.row ?? 0]
    const numbered = new Map(rows.map(row => [row.row, row]))
    // First the accounts, then what is applied: whatever of another's work shows in the accounts is known as applied.
    const world = await loadWorld(store.read, rows.filter(isWish))
    const between = await store.read.bulk.listRows(context.run.id, first, last)
    const known = between.filter(row => numbered.has(row.row_number))
    const applied = new Set(known.map(row => row.row_number))
    const replayed = await replay(domain, known, one => asksFor(numbered.get(one.row), one))
    const fresh = await applyFresh(
      context,
      world,
      rows.filter(({ row }) => !applied.has(row)),
      hashing,
    )
    return [...replayed, ...fresh].sort((a, b) => a.row - b.row)
  }

  return {
    async check(actor, rows) {
      const read = await readRows(rows, policy)
      const world = await loadWorld(store.read, read.filter(isWish))
      return planAll(world, read, await planContext(domain, actor, world)).map(outcomeOf)
    },

    async apply(actor, runId, batch, { run_secret, rows }) {
      const run = await runs.open(actor, runId, 'rebind', run_secret)
      checkDigest(run, batch, batchText(rows))
      checkGrowing(rows)
      const hashing = hashBatch(domain)
      const read = await readRows(rows, policy)
      const results = await inParts(
        read,
        part => applyPart({ run, actor }, part, hashing),
        () => runs.stillOpen(runId),
      )
      outbox.wake()
      return results
    },
  }
}
