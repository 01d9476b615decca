import { createHash } from 'node:crypto'
import { batchText, type RebindRow, type RowResult, runValue } from '../../src/contract/rebind.ts'
import type { OpenRun } from '../../src/server/domain/bulk/runs.ts'
import type { Actor } from '../../src/server/domain/domain.ts'
import type { AccountsTable, EventsTable } from '../../src/server/store/schema.ts'
import { caller, openServerWorld, type ServerWorld } from './server-world.ts'

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest()

/** A file of rebindings as a client would announce it. */
export interface BulkFile {
  readonly batches: readonly (readonly RebindRow[])[]
  readonly file_sha256: string
  readonly row_count: number
  readonly batch_digests: string
  /** What a proof for it is given for. */
  readonly value: string
}

export function bulkFile(batches: readonly (readonly RebindRow[])[]): BulkFile {
  const digests = Buffer.concat(batches.map(rows => sha256(batchText(rows))))
  const row_count = batches.flat().length
  const file_sha256 = sha256(JSON.stringify(batches)).toString('hex')
  return {
    batches,
    file_sha256,
    row_count,
    batch_digests: digests.toString('base64url'),
    value: runValue(file_sha256, row_count, sha256(digests).toString('hex')),
  }
}

let ids = 0
/** An id that no other run of this process has. */
export const newRunId = (): string => `run-${String(++ids).padStart(18, '0')}`

/** A hufud with accounts, and a token that may rebind them. */
export interface BulkWorld extends ServerWorld {
  readonly token: Actor
  /** A token that may also leave people untold. */
  readonly silent: Actor
  /** Makes accounts with an email address each, as an admin does. */
  accounts(...usernames: string[]): Promise<void>
  account(username: string): Promise<AccountsTable>
  /** What runs have done to an account. */
  events(username: string): Promise<EventsTable[]>
  start(file: BulkFile, options?: { actor?: Actor; run_id?: string; notify?: boolean }): Promise<OpenRun>
  /** Applies all batches, one after the other. */
  applyAll(open: OpenRun, file: BulkFile, actor?: Actor): Promise<RowResult[]>
  /** Starts a run over one batch of these rows and applies it. */
  rebind(rows: readonly RebindRow[], options?: { actor?: Actor; notify?: boolean }): Promise<RowResult[]>
}

const tokenActor = (id: string, scopes: readonly string[]): Actor => ({
  ...caller,
  kind: 'token',
  token: { id, name: 'script', scopes, createdBy: null },
})

export async function openBulkWorld(options: Parameters<typeof openServerWorld>[0] = {}): Promise<BulkWorld> {
  const world = await openServerWorld(options)
  const { services, clock } = world
  const { store } = services.domain
  for (const id of ['token', 'silent']) {
    await store.transaction(({ serviceTokens }) =>
      serviceTokens.insert({
        id,
        secret_hash: id,
        scopes: 'rebind',
        created_at: clock.now(),
        expires_at: clock.now() + 86_400_000,
        name: 'script',
        created_by: null,
      }),
    )
  }
  const token = tokenActor('token', ['rebind'])
  const bulk: BulkWorld = {
    ...world,
    token,
    silent: tokenActor('silent', ['rebind', 'no-notify']),
    async accounts(...usernames) {
      for (const username of usernames) {
        await services.accounts.create({ username, emailAddress: `${username}@example.com` }, { source: 'test' })
      }
    },
    async account(username) {
      const found = await store.read.accounts.findByUsernameKey(username)
      if (!found) throw new Error(`there is no ${username}`)
      return found
    },
    async events(username) {
      const { id } = await bulk.account(username)
      const events = await store.read.events.list(id, 100, undefined)
      return events.filter(({ run_id }) => run_id !== null)
    },
    start: (file, { actor = token, run_id = newRunId(), notify = true } = {}) => {
      const { file_sha256, row_count, batch_digests } = file
      return services.runs.startRebind(actor, { run_id, file_sha256, row_count, batch_digests, reason: 'test', notify })
    },
    async applyAll({ run, run_secret }, file, actor = token) {
      const results: RowResult[] = []
      for (const [batch, rows] of file.batches.entries()) {
        results.push(...(await services.rebinding.apply(actor, run.run_id, batch, { run_secret, rows })))
      }
      return results
    },
    async rebind(rows, { actor = token, notify = true } = {}) {
      const file = bulkFile([rows])
      return bulk.applyAll(await bulk.start(file, { actor, notify }), file, actor)
    },
  }
  return bulk
}
