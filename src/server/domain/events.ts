import type { Caller, Domain } from './domain.ts'
import type { Queries } from './ports/store.ts'
import { newTimedId } from './secret-keys.ts'

/** Something that happened to an account, for its owner's log and the audit. */
export interface SecurityEventRecord {
  /** `null` when nobody has the user name that was tried. */
  readonly accountId: string | null
  readonly action: string
  readonly method?: string | null
  readonly sessionId?: string | null
  /** Masked values. */
  readonly details?: Readonly<Record<string, string>>
  /** Who did it, where it was not the account's owner. */
  readonly actor?: string | null
  readonly runId?: string | null
}

/** Writes an event in the caller's transaction and returns its id. */
export async function recordEvent(
  { clock, random }: Pick<Domain, 'clock' | 'random'>,
  queries: Queries,
  caller: Pick<Caller, 'source'>,
  event: SecurityEventRecord,
): Promise<string> {
  const id = newTimedId({ clock, random })
  await queries.events.insert({
    id,
    account_id: event.accountId,
    at: clock.now(),
    action: event.action,
    method: event.method ?? null,
    session_id: event.sessionId ?? null,
    source: caller.source,
    details: JSON.stringify(event.details ?? {}),
    actor: event.actor ?? null,
    run_id: event.runId ?? null,
  })
  return id
}
