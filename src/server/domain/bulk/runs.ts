import { hash } from 'node:crypto'
import { longestBatch, type Run, runValue, undoValue } from '../../../contract/rebind.ts'
import { equalBytes, toHex, utf8 } from '../../../lib/bytes.ts'
import { isoTime } from '../../../lib/clock.ts'
import type { BulkRunsTable } from '../../store/schema.ts'
import { actorName, withAuthority } from '../admin/authority.ts'
import { isBeyondUndoing } from '../cleaning/retention.ts'
import type { Actor, Domain } from '../domain.ts'
import type { Queries } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'
import { hashSecret, newSecret } from '../secret-keys.ts'
import type { StepUps } from '../step-up.ts'

/** How long a run's secret serves. The same call that gave it gives another. */
const secretLifetime = 24 * 60 * 60_000
const digestLength = 32

export interface NewRebindRun {
  readonly run_id: string
  readonly file_sha256: string
  readonly row_count: number
  /** base64url of the batches' SHA-256, one after the other. */
  readonly batch_digests: string
  readonly reason: string
  readonly notify: boolean
}

export interface NewUndoRun {
  readonly run_id: string
  readonly undoes: string
  readonly row_count: number
  readonly reason: string
  readonly notify: boolean
}

/** A run that takes batches. */
export interface OpenRun {
  readonly run: Run
  readonly run_secret: string
  readonly expires_at: string
}

export interface Runs {
  /** @throws {Refusal} `run_conflict`, `run_finished`, `service_scope_missing`, `invalid_request` */
  startRebind(actor: Actor, wanted: NewRebindRun): Promise<OpenRun>
  /** Also ends the run that is to be undone. @throws {Refusal} as `startRebind`, `run_unknown`, `run_expired` */
  startUndo(actor: Actor, wanted: NewUndoRun): Promise<OpenRun>
  /** The caller's own unfinished run. @throws {Refusal} `run_unknown`, `run_secret_invalid`, `run_finished` */
  open(actor: Actor, runId: string, kind: 'rebind' | 'undo', secret: string): Promise<BulkRunsTable>
  /** @throws {Refusal} `run_finished` */
  stillOpen(runId: string): Promise<void>
  finish(actor: Actor, runId: string, secret: string): Promise<Run>
  /** Any run: an admin may look at, and undo, what another has done. @throws {Refusal} `run_unknown` */
  read(runId: string): Promise<Run>
  /** One that can be undone. @throws {Refusal} `run_unknown`, `run_expired` */
  checkUndoable(runId: string): Promise<void>
}

const owns = (actor: Actor, run: BulkRunsTable): boolean =>
  actor.kind === 'person' ? run.account_id === actor.account.id : run.credential_id === actor.token.id

const ownerOf = (actor: Actor) =>
  actor.kind === 'person'
    ? { account_id: actor.account.id, credential_id: null }
    : { account_id: null, credential_id: actor.token.id }

/** Only a token with the scope may leave people untold. */
function checkNotice(actor: Actor, notify: boolean): void {
  if (notify || (actor.kind === 'token' && actor.token.scopes.includes('no-notify'))) return
  throw new Refusal('service_scope_missing', { scope: 'no-notify' })
}

/** @throws {Refusal} `invalid_request` where there are too few digests for the rows, or too many */
function digestsOf({ batch_digests, row_count }: NewRebindRun): Uint8Array {
  const digests = new Uint8Array(Buffer.from(batch_digests, 'base64url'))
  const batches = digests.length / digestLength
  if (!Number.isInteger(batches) || batches < Math.ceil(row_count / longestBatch) || batches > row_count) {
    throw new Refusal('invalid_request', { detail: 'The digests of the batches do not go with the number of rows.' })
  }
  return digests
}

export function createRuns(domain: Domain, stepUps: StepUps): Runs {
  const { store, clock, random } = domain

  const described = async (queries: Queries, run: BulkRunsTable): Promise<Run> => ({
    run_id: run.id,
    kind: run.kind === 'undo' ? 'undo' : 'rebind',
    undoes: run.undoes,
    started_by: run.started_by,
    file_sha256: run.file_sha256,
    row_count: run.row_count,
    applied: await queries.bulk.countRows(run.id),
    reason: run.reason,
    notify: run.notify === 1,
    created_at: isoTime(run.created_at),
    finished_at: run.finished_at === null ? null : isoTime(run.finished_at),
  })

  const isSame = (run: BulkRunsTable, wanted: BulkRunsTable): boolean =>
    run.kind === wanted.kind &&
    run.account_id === wanted.account_id &&
    run.credential_id === wanted.credential_id &&
    run.undoes === wanted.undoes &&
    run.file_sha256 === wanted.file_sha256 &&
    run.row_count === wanted.row_count &&
    equalBytes(new Uint8Array(run.batch_digests), wanted.batch_digests) &&
    run.reason === wanted.reason &&
    run.notify === wanted.notify

  /** Makes the run, or gives the one that is there another secret. */
  async function begin(queries: Queries, wanted: BulkRunsTable, secret: string): Promise<OpenRun> {
    const { bulk } = queries
    if (!(await bulk.insertRun(wanted))) {
      const run = await bulk.findRun(wanted.id)
      if (!run || !isSame(run, wanted)) throw new Refusal('run_conflict')
      if (!(await bulk.renewSecret(run.id, wanted.secret_hash, wanted.secret_expires_at))) {
        throw new Refusal('run_finished')
      }
    }
    const run = (await bulk.findRun(wanted.id)) ?? wanted
    return { run: await described(queries, run), run_secret: secret, expires_at: isoTime(wanted.secret_expires_at) }
  }

  const rowOf = (
    actor: Actor,
    secret: string,
    own: Pick<BulkRunsTable, 'kind' | 'undoes' | 'file_sha256' | 'batch_digests'>,
    { run_id, row_count, reason, notify }: Pick<NewRebindRun, 'run_id' | 'row_count' | 'reason' | 'notify'>,
  ): BulkRunsTable => {
    const now = clock.now()
    return {
      id: run_id,
      started_by: actorName(actor),
      ...ownerOf(actor),
      ...own,
      secret_hash: hashSecret(secret),
      secret_expires_at: now + secretLifetime,
      row_count,
      reason,
      notify: notify ? 1 : 0,
      created_at: now,
      finished_at: null,
    }
  }

  async function findOwn(actor: Actor, runId: string, secret: string): Promise<BulkRunsTable> {
    const run = await store.read.bulk.findRun(runId)
    if (!run || !owns(actor, run)) throw new Refusal('run_unknown')
    const isRight = equalBytes(utf8(hashSecret(secret)), utf8(run.secret_hash))
    if (!isRight || run.secret_expires_at <= clock.now()) throw new Refusal('run_secret_invalid')
    return run
  }

  return {
    async startRebind(actor, wanted) {
      checkNotice(actor, wanted.notify)
      const digests = digestsOf(wanted)
      const secret = newSecret(random)
      const own = { kind: 'rebind', undoes: null, file_sha256: wanted.file_sha256, batch_digests: digests }
      const row = rowOf(actor, secret, own, wanted)
      const value = runValue(wanted.file_sha256, wanted.row_count, hash('sha256', digests, 'hex'))
      return withAuthority({ domain, stepUps }, actor, { operation: 'rebind.start', value }, queries =>
        begin(queries, row, secret),
      )
    },

    async startUndo(actor, wanted) {
      checkNotice(actor, wanted.notify)
      const secret = newSecret(random)
      const own = { kind: 'undo', undoes: wanted.undoes, file_sha256: null, batch_digests: new Uint8Array(0) }
      const row = rowOf(actor, secret, own, wanted)
      const value = undoValue(wanted.undoes, wanted.row_count)
      return withAuthority({ domain, stepUps }, actor, { operation: 'rebind.undo', value }, async queries => {
        const { bulk } = queries
        const undone = await bulk.findRun(wanted.undoes)
        if (undone?.kind !== 'rebind') throw new Refusal('run_unknown')
        if (isBeyondUndoing(undone.finished_at, clock.now()) && !(await bulk.findRun(wanted.run_id))) {
          throw new Refusal('run_expired')
        }
        // No batch comes after this: what is undone stays undone.
        await bulk.finishRun(undone.id, clock.now())
        if ((await bulk.countRows(undone.id)) !== wanted.row_count) throw new Refusal('run_conflict')
        return begin(queries, row, secret)
      })
    },

    async open(actor, runId, kind, secret) {
      const run = await findOwn(actor, runId, secret)
      if (run.kind !== kind) throw new Refusal('run_unknown')
      if (run.finished_at !== null) throw new Refusal('run_finished')
      return run
    },

    async stillOpen(runId) {
      const run = await store.read.bulk.findRun(runId)
      if (run?.finished_at !== null) throw new Refusal('run_finished')
    },

    async finish(actor, runId, secret) {
      const { id } = await findOwn(actor, runId, secret)
      await store.transaction(({ bulk }) => bulk.finishRun(id, clock.now()))
      return this.read(id)
    },

    async read(runId) {
      const run = await store.read.bulk.findRun(runId)
      if (!run) throw new Refusal('run_unknown')
      return described(store.read, run)
    },

    async checkUndoable(runId) {
      const run = await store.read.bulk.findRun(runId)
      if (run?.kind !== 'rebind') throw new Refusal('run_unknown')
      if (isBeyondUndoing(run.finished_at, clock.now())) throw new Refusal('run_expired')
    },
  }
}

/** The rows' digest among those of the run. @throws {Refusal} `batch_mismatch` */
export function checkDigest(run: BulkRunsTable, batch: number, text: string): void {
  const proven = run.batch_digests.subarray(batch * digestLength, (batch + 1) * digestLength)
  if (hash('sha256', text, 'hex') !== toHex(proven)) throw new Refusal('batch_mismatch')
}
