import { createHash, randomBytes } from 'node:crypto'
import type { ApiClient, CallArguments } from '../../src/api/client.ts'
import { ApiError } from '../../src/api/errors.ts'
import type { AnswerOf, Operation } from '../../src/contract/operation.ts'
import {
  applyBatch,
  batchText,
  checkRows,
  finishRun,
  type ItemChange,
  previewUndo,
  type RebindRow,
  type RowResult,
  type Run,
  readRun,
  startRun,
  startUndo,
  undoRows,
} from '../../src/contract/rebind.ts'

const time = '2026-11-22T13:05:00.000Z'

interface Account {
  username: string
  phone: string | null
  email: string | null
}

interface KeptRun {
  run: Run
  secret: string
  digests: Buffer
  /** By row: what was there before, and what was put there. */
  done: Map<number, { result: RowResult; before: Account; after: Account }>
  undone: Set<number>
}

const digestOf = (rows: readonly RebindRow[]) => createHash('sha256').update(batchText(rows)).digest()

/** hufud's bulk runs over accounts in memory: phones, addresses, links and what is to be proven of a batch. */
export class RebindServer {
  readonly accounts = new Map<string, Account>()
  readonly runs = new Map<string, KeptRun>()
  /** How often each row of each run was applied. */
  readonly applications = new Map<string, number>()
  /** The ids of the operations that were called. */
  readonly calls: string[] = []
  /** Rows whose undoing would leave no way in. */
  readonly stuck = new Set<number>()
  /** Called before each; what it throws is what the client gets. */
  before: (id: string) => void | Promise<void> = () => {}
  /** Called after each, when its changes are made: what it throws is an answer that was lost. */
  after: (id: string) => void | Promise<void> = () => {}

  constructor(usernames: readonly string[]) {
    for (const username of usernames) this.accounts.set(username, { username, phone: null, email: null })
  }

  readonly api: Pick<ApiClient, 'call' | 'origin'> = {
    origin: 'https://accounts.example.org',
    call: async <O extends Operation>(operation: O, call: CallArguments<O>) => {
      this.calls.push(operation.id)
      await this.before(operation.id)
      // A real client sends and receives text.
      const answer = this.answer(operation, JSON.parse(JSON.stringify({ ...call, signal: undefined })))
      await this.after(operation.id)
      return JSON.parse(JSON.stringify(answer)) as AnswerOf<O>
    },
  }

  phone(username: string): string | null {
    return this.accounts.get(username)?.phone ?? null
  }

  private answer(operation: Operation, { params, query, body }: { params: never; query: never; body: never }): unknown {
    switch (operation.id) {
      case checkRows.id:
        return { results: (body as { rows: RebindRow[] }).rows.map(row => this.judge(row, this.accounts).result) }
      case startRun.id:
        return this.start(body)
      case applyBatch.id:
        return this.apply(params, body)
      case startUndo.id:
        return this.startUndo(body)
      case undoRows.id:
        return this.undo(params, body)
      case previewUndo.id: {
        const { run_id } = params as { run_id: string }
        return this.undoPage(this.known(run_id), query as { before_row?: number; limit?: number }, () => false)
      }
      case readRun.id:
        return { run: this.known((params as { run_id: string }).run_id).run }
      case finishRun.id: {
        const kept = this.known((params as { run_id: string }).run_id)
        if (kept.secret !== (body as { run_secret: string }).run_secret)
          throw new ApiError('run_secret_invalid', { status: 403 })
        kept.run.finished_at = time
        return { run: kept.run }
      }
      default:
        throw new TypeError(`not served here: ${operation.id}`)
    }
  }

  private judge(row: RebindRow, accounts: Map<string, Account>): { result: RowResult; after: Account | undefined } {
    const account = row.username === undefined ? undefined : accounts.get(row.username)
    const plain = { row: row.row, username: account?.username ?? null, owner: null, changes: [], links: [] }
    const failed = (
      code: 'account_unknown' | 'bound_elsewhere' | 'phone_number_invalid',
      owner: string | null = null,
    ) => ({
      result: { ...plain, status: 'failed' as const, code, owner },
      after: undefined,
    })
    if (!account) return failed('account_unknown')
    if (row.phone !== undefined && !/^\+\d{8,15}$/.test(row.phone)) return failed('phone_number_invalid')
    const after = { ...account }
    const changes: ItemChange[] = []
    for (const item of ['phone', 'email'] as const) {
      const value = row[item]
      if (value === undefined || value === account[item]) continue
      const owner = [...accounts.values()].find(each => each !== account && each[item] === value)
      if (owner) return failed('bound_elsewhere', owner.username)
      changes.push({ item, old: account[item] && '***', new: '***' })
      after[item] = value
    }
    const purposes = [
      ...(row.totp === 'enrol' ? ['totp' as const] : []),
      ...(row.webauthn === 'link' ? ['webauthn' as const] : []),
    ]
    const links = purposes.map(purpose => ({
      purpose,
      link_secret: randomBytes(32).toString('base64url'),
      expires_at: time,
    }))
    const status = changes.length + links.length > 0 ? ('applied' as const) : ('unchanged' as const)
    return { result: { ...plain, status, code: null, changes, links }, after }
  }

  private start(body: {
    run_id: string
    file_sha256: string
    row_count: number
    batch_digests: string
    reason: string
    notify: boolean
  }) {
    const { run_id, file_sha256, row_count, batch_digests, reason, notify } = body
    const digests = Buffer.from(batch_digests, 'base64url')
    const known = this.runs.get(run_id)
    if (
      known &&
      (known.run.file_sha256 !== file_sha256 || !known.digests.equals(digests) || known.run.reason !== reason)
    ) {
      throw new ApiError('run_conflict', { status: 409 })
    }
    return this.open(known, { run_id, kind: 'rebind', undoes: null, file_sha256, row_count, reason, notify }, digests)
  }

  private startUndo(body: { run_id: string; undoes: string; row_count: number; reason: string; notify: boolean }) {
    if (this.known(body.undoes).run.applied !== body.row_count) throw new ApiError('run_conflict', { status: 409 })
    return this.open(this.runs.get(body.run_id), { kind: 'undo', file_sha256: null, ...body }, Buffer.alloc(0))
  }

  private open(
    known: KeptRun | undefined,
    run: Omit<Run, 'started_by' | 'applied' | 'created_at' | 'finished_at'>,
    digests: Buffer,
  ) {
    if (known?.run.finished_at) throw new ApiError('run_finished', { status: 409 })
    const secret = randomBytes(32).toString('base64url')
    const none = { started_by: 'admin:root', applied: 0, created_at: time, finished_at: null }
    const kept = known ?? { run: { ...run, ...none }, secret, digests, done: new Map(), undone: new Set() }
    kept.secret = secret
    this.runs.set(run.run_id, kept)
    return { run: kept.run, run_secret: secret, expires_at: time }
  }

  private known(id: string): KeptRun {
    const kept = this.runs.get(id)
    if (!kept) throw new ApiError('run_unknown', { status: 404 })
    return kept
  }

  private authorised(id: string, secret: string): KeptRun {
    const kept = this.known(id)
    if (kept.run.finished_at) throw new ApiError('run_finished', { status: 409 })
    if (kept.secret !== secret) throw new ApiError('run_secret_invalid', { status: 403 })
    return kept
  }

  private apply(
    { run_id, batch }: { run_id: string; batch: string },
    { run_secret, rows }: { run_secret: string; rows: RebindRow[] },
  ) {
    const kept = this.authorised(run_id, run_secret)
    const digest = kept.digests.subarray(Number(batch) * 32, (Number(batch) + 1) * 32)
    if (!digestOf(rows).equals(digest)) throw new ApiError('batch_mismatch', { status: 422 })
    return { results: rows.map(row => this.applyRow(kept, row)) }
  }

  private applyRow(kept: KeptRun, row: RebindRow): RowResult {
    const earlier = kept.done.get(row.row)
    if (earlier) return earlier.result
    const { result, after } = this.judge(row, this.accounts)
    const account = this.accounts.get(row.username ?? '')
    if (result.status !== 'applied' || !after || !account) return result
    kept.done.set(row.row, { result, before: { ...account }, after: { ...after } })
    Object.assign(account, after)
    kept.run.applied++
    const key = `${kept.run.run_id}:${row.row}`
    this.applications.set(key, (this.applications.get(key) ?? 0) + 1)
    return result
  }

  private undo({ run_id }: { run_id: string }, body: { run_secret: string; before_row?: number; limit: number }) {
    const undoing = this.authorised(run_id, body.run_secret)
    return this.undoPage(this.known(undoing.run.undoes ?? ''), body, (row, account, before) => {
      if (undoing.undone.has(row)) return true
      undoing.undone.add(row)
      undoing.run.applied++
      Object.assign(account, before)
      return true
    })
  }

  private undoPage(
    { done }: KeptRun,
    { before_row = Number.POSITIVE_INFINITY, limit = 500 }: { before_row?: number; limit?: number },
    change: (row: number, account: Account, before: Account) => boolean,
  ) {
    const rows = [...done.keys()]
      .filter(row => row < before_row)
      .sort((a, b) => b - a)
      .slice(0, limit)
    const results = rows.map((row): RowResult => {
      const entry = done.get(row)
      const account = this.accounts.get(entry?.result.username ?? '')
      if (!entry || !account) throw new TypeError('a row of nobody')
      const { before, after } = entry
      const isSame = account.phone === after.phone && account.email === after.email
      const wasUndone = account.phone === before.phone && account.email === before.email
      if (!isSame && !wasUndone)
        return { ...entry.result, status: 'skipped', code: 'changed_since', changes: [], links: [] }
      if (this.stuck.has(row)) return { ...entry.result, status: 'failed', code: 'last_factor', changes: [], links: [] }
      change(row, account, before)
      return { ...entry.result, status: 'applied', links: [] }
    })
    const last = rows.at(-1)
    return { results, next: last !== undefined && [...done.keys()].some(row => row < last) ? last : null }
  }
}
