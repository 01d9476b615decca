import { type Clock, isoTime } from '../../../lib/clock.ts'
import type { ProviderHealthTable } from '../../store/schema.ts'
import type { DeliveryError } from '../ports/delivery-error.ts'
import { type Log, unforeseen } from '../ports/log.ts'
import type { ProviderHealth } from '../ports/messages.ts'
import type { Store } from '../ports/store.ts'
import { afterFailure, isOffAt, kindOf, type ProviderState, working } from './provider-state.ts'

/** How old what is in memory may be before it is read again, in milliseconds. */
const freshFor = 3_000

/** `ProviderHealth` over the rows that all processes share. */
export interface SharedProviderHealth extends ProviderHealth {
  /** Reads what other processes have found out. */
  refresh(): Promise<void>
  /** Waits for what is being read or written. */
  stop(): Promise<void>
}

const stateOf = ({ failures, failure, since, retry_at }: ProviderHealthTable): ProviderState => ({
  failures,
  failure: failure === 'misconfigured' || failure === 'unreachable' ? failure : null,
  since,
  retryAt: retry_at,
})

const rowOf = (provider: string, { failures, failure, since, retryAt }: ProviderState): ProviderHealthTable => ({
  provider,
  failures,
  failure,
  since,
  retry_at: retryAt,
})

/**
 * Keeps in memory what is known of each provider, writes it when a provider goes off or works again, and reads what
 * others wrote every few seconds while it is asked. Failures that are tolerated are counted by each process for itself.
 */
export function createProviderHealth({
  store,
  clock,
  log,
}: {
  store: Store
  clock: Clock
  log: Log
}): SharedProviderHealth {
  const states = new Map<string, ProviderState>()
  let readAt = Number.NEGATIVE_INFINITY
  let refreshing: Promise<void> | undefined
  const writing = new Set<Promise<void>>()
  let lastWritten: Promise<void> = Promise.resolve()

  const known = (provider: string): ProviderState => states.get(provider) ?? working

  async function readRows(): Promise<void> {
    const rows = await store.read.providerHealth.list()
    // What this process is about to write is newer than what it read.
    if (writing.size > 0) return
    for (const row of rows) {
      const own = known(row.provider)
      const shared = stateOf(row)
      // A few tolerated failures of our own are not in the row.
      if (shared.failure !== null || own.failure !== null) states.set(row.provider, shared)
    }
  }

  function refresh(): Promise<void> {
    readAt = clock.now()
    refreshing ??= readRows()
      .catch(error => log.warn(unforeseen(error), 'the state of message providers could not be read'))
      .finally(() => {
        refreshing = undefined
      })
    return refreshing
  }

  /** Writes the state; where another process has left the provider out already, its word stands. */
  function write(provider: string, state: ProviderState): void {
    // One after the other: the database may take transactions in another order.
    const written = lastWritten
      .then(() =>
        store.transaction(async queries => {
          const row = await queries.providerHealth.find(provider)
          const shared = row ? stateOf(row) : working
          const isSaidAlready = shared.failure === state.failure && isOffAt(shared, clock.now())
          if (isSaidAlready) return shared
          await queries.providerHealth.put(rowOf(provider, state))
          return state
        }),
      )
      .then(agreed => {
        if (states.get(provider) === state) states.set(provider, agreed)
      })
      .catch(error => log.warn({ provider, ...unforeseen(error) }, 'the state of a message provider was not written'))
      .finally(() => writing.delete(written))
    lastWritten = written
    writing.add(written)
  }

  return {
    isOff(provider) {
      if (Math.abs(clock.now() - readAt) >= freshFor) void refresh()
      return isOffAt(known(provider), clock.now())
    },

    worked(provider) {
      const before = known(provider)
      if (before === working) return
      states.set(provider, working)
      if (before.failure === null) return
      log.info({ provider }, 'a message provider works again')
      write(provider, { ...working, since: clock.now() })
    },

    failed(error: DeliveryError) {
      const { provider, failure, message } = error
      const kind = kindOf(failure)
      const before = known(provider)
      if (!kind) {
        // It answered: what failed before did not fail in a row.
        if (before.failure === null) states.set(provider, working)
        return
      }
      const after = afterFailure(before, kind, clock.now())
      if (after === before) return
      states.set(provider, after)
      if (after.failure === null) return
      const until = isoTime(after.retryAt)
      log.warn(
        { provider, failure: kind, failures: after.failures, until, error: message },
        'a message provider is off',
      )
      write(provider, after)
    },

    refresh,
    async stop() {
      await Promise.all([refreshing, ...writing])
    },
  }
}
