import type { ApiClient } from '../api/client.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { BulkValues } from './error.ts'

export type Phase = 'read' | 'check' | 'apply' | 'undo'

/** How far a pass over the rows is. */
export interface Progress {
  readonly phase: Phase
  readonly done: number
  /** How many there are; undefined while the file is read for the first time. */
  readonly rows: number | undefined
  readonly failed: number
  /** Rows a second, since this process began with them. */
  readonly rate: number
  /** Seconds, where that can be told. */
  readonly left: number | undefined
}

export interface RefusedRow {
  readonly number: number
  readonly line: number | null
  readonly code: string
  readonly message: string
}

/** What people see of a run. */
export interface BulkScreen {
  /** How often progress is shown, in milliseconds. */
  readonly interval: number
  progress(progress: Progress): void
  /** Takes what shows progress away, so that something else can be said or asked. */
  settle(): void
  /** One of the rows that are not, or would not be, applied. */
  refused(row: RefusedRow): void
  /** One of the rows that a dry run is about: what would change. */
  wouldChange(number: number, account: string, changes: string): void
  /** The server is waited for. */
  pausing(error: unknown, milliseconds: number): void
  /** Results of an earlier run were moved aside. */
  keptResults(path: string): void
}

/** Everything that a run reaches. */
export interface BulkWorld {
  readonly api: Pick<ApiClient, 'call' | 'origin'>
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  readonly screen: BulkScreen
  /** For how long a server that does not answer is waited for, in milliseconds. */
  readonly patience: number
  /** What `-` reads. */
  standardInput(): AsyncIterable<Uint8Array>
  /** Makes a call with an admin's authority: a proof for exactly this value, or a token, which needs none. */
  authorise<T>(
    operation: 'rebind.start' | 'rebind.undo',
    value: string,
    call: (proven: { readonly proof?: string }) => Promise<T>,
  ): Promise<T>
  /** The sentence for a code of a row of this kind of run. */
  words(code: string, values: BulkValues, kind?: 'rebind' | 'undo'): string
}
