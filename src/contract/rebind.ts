import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'
import { problems } from './problems.ts'
import { Id, Line, NullableTime, Password, Secret, Time, Username } from './schemas.ts'

/** How many rows one request takes at most. */
export const longestBatch = 500
/** How many rows one run has at most. */
export const longestRun = 5_000_000

/** One row of a file of rebindings. What is absent is left as it is. */
export const RebindRow = Type.Object(
  {
    /** Its number in the file, from 1; strictly growing within a run. */
    row: Type.Integer({ minimum: 1, maximum: longestRun }),
    /** One of these two. */
    username: Type.Optional(Username),
    account_id: Type.Optional(Id),
    phone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    email: Type.Optional(Type.String({ minLength: 1, maxLength: 320 })),
    /** PHC string of argon2id. Not beside `password`. */
    password_hash: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
    password: Type.Optional(Password),
    totp: Type.Optional(Type.Enum(['unbind', 'enrol'])),
    wechat: Type.Optional(Type.Enum(['unbind'])),
    /** `unbind` takes all keys away. */
    webauthn: Type.Optional(Type.Enum(['unbind', 'link'])),
    disabled: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
export type RebindRow = Type.Static<typeof RebindRow>

/** The columns that a file may have, in the order in which its rows' digests have them. */
export const rebindFileColumns = [
  'username',
  'account_id',
  'phone',
  'email',
  'password_hash',
  'password',
  'totp',
  'wechat',
  'webauthn',
  'disabled',
] as const satisfies readonly (keyof RebindRow)[]

/** The columns of a row, in the order in which its digest has them. */
export const rebindColumns = ['row', ...rebindFileColumns] as const satisfies readonly (keyof RebindRow)[]

/**
 * What the digest of a batch is made over: the JSON text, without blanks, of an array with an array for each row, which
 * has the columns of `rebindColumns` in their order and `null` for what is absent. The digest is SHA-256 of its UTF-8.
 */
export const batchText = (rows: readonly RebindRow[]): string =>
  JSON.stringify(rows.map(row => rebindColumns.map(column => row[column] ?? null)))

/**
 * The value that a step-up proof for a run is given for: the file's SHA-256 (hex), how many rows it has, and the
 * SHA-256 (hex) of its batches' digests one after the other, so that no other row can be sent in its name.
 */
export const runValue = (fileSha256: string, rowCount: number, batchesSha256: string): string =>
  `${fileSha256}:${rowCount}:${batchesSha256}`

/** The value that a proof for the undoing of a run is given for: the run, and how many rows of it were applied. */
export const undoValue = (runId: string, rowCount: number): string => `${runId}:${rowCount}`

const problemCodes = Object.keys(problems)

/** What a row would change, or has changed: masked values for people. */
const ItemChange = Type.Object({
  item: Type.Enum(['phone', 'email', 'password', 'totp', 'wechat', 'webauthn', 'disabled']),
  old: Type.Union([Type.String(), Type.Null()]),
  new: Type.Union([Type.String(), Type.Null()]),
})
export type ItemChange = Type.Static<typeof ItemChange>

/** A one-time link for the owner of a row's account: `hufu bind totp --link-file`, `hufu bind webauthn --link-file`. */
const RowLink = Type.Object({ purpose: Type.Enum(['totp', 'webauthn']), link_secret: Secret, expires_at: Time })
export type RowLink = Type.Static<typeof RowLink>

export const RowResult = Type.Object({
  row: Type.Integer(),
  username: Type.Union([Type.String(), Type.Null()]),
  /**
   * `applied` (or, when only looked at: would be); `unchanged`: everything is as the row says; `failed`: see `code`;
   * `skipped`, of an undoing alone: the account was changed since.
   */
  status: Type.Enum(['applied', 'unchanged', 'failed', 'skipped']),
  /** Of a row that failed: why. A problem code, or `changed_since`. */
  code: Type.Union([Type.Enum([...problemCodes, 'changed_since']), Type.Null()]),
  /** Of `bound_elsewhere`: whose it is, who may give it up in an earlier row. */
  owner: Type.Union([Type.String(), Type.Null()]),
  changes: Type.Array(ItemChange),
  links: Type.Array(RowLink),
})
export type RowResult = Type.Static<typeof RowResult>

const Rows = Type.Array(RebindRow, { minItems: 1, maxItems: longestBatch })
const Results = Type.Object({ results: Type.Array(RowResult) })
const RunParams = Type.Object({ run_id: Id }, { additionalProperties: false })
const Reason = Line(200)
const Digest = Type.String({ pattern: '^[0-9a-f]{64}$' })

export const Run = Type.Object({
  run_id: Id,
  kind: Type.Enum(['rebind', 'undo']),
  /** The run that it undoes. */
  undoes: Type.Union([Id, Type.Null()]),
  started_by: Type.String(),
  file_sha256: Type.Union([Digest, Type.Null()]),
  row_count: Type.Integer(),
  /** Rows that were applied; of an undoing: undone. */
  applied: Type.Integer(),
  reason: Type.String(),
  notify: Type.Boolean(),
  created_at: Time,
  finished_at: NullableTime,
})
export type Run = Type.Static<typeof Run>

/** A run that takes batches: its secret serves until `expires_at`, and the same call gives another. */
const OpenRun = Type.Object({ run: Run, run_secret: Secret, expires_at: Time })

export const checkRows = defineOperation({
  id: 'rebind.check',
  method: 'POST',
  url: '/v1/admin/rebind/check',
  summary: 'Say what rows would change, and what would be refused. Nothing is written.',
  access: 'admin',
  scope: 'rebind',
  stepUp: null,
  body: Type.Object({ rows: Rows }, { additionalProperties: false }),
  status: 200,
  answer: Results,
  problems: ['busy'],
})

export const startRun = defineOperation({
  id: 'rebind.start',
  method: 'POST',
  url: '/v1/admin/rebind/runs',
  summary: 'Begin a run over a file, or go on with it: the same call with the same id gives another secret.',
  access: 'admin',
  scope: 'rebind',
  /** Its value is `runValue`, which has to be stated. */
  stepUp: 'rebind.start',
  body: Type.Object(
    {
      run_id: Id,
      file_sha256: Digest,
      row_count: Type.Integer({ minimum: 1, maximum: longestRun }),
      /** The SHA-256 of each batch's `batchText`, 32 bytes each, one after the other; base64url. */
      batch_digests: Type.String({ minLength: 43, maxLength: 1_400_000, pattern: '^[A-Za-z0-9_-]+$' }),
      reason: Reason,
      /** False needs a token with the scope `no-notify`. */
      notify: Type.Boolean(),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: OpenRun,
  problems: ['run_conflict', 'run_finished'],
})

export const applyBatch = defineOperation({
  id: 'rebind.apply',
  method: 'POST',
  url: '/v1/admin/rebind/runs/:run_id/batches/:batch',
  summary: 'Apply one batch of a run. A row that was applied before is not applied again, and is answered as then.',
  access: 'admin',
  scope: 'rebind',
  /** The run's secret stands for its proof. */
  stepUp: null,
  params: Type.Object({ run_id: Id, batch: Type.String({ pattern: '^\\d{1,7}$' }) }, { additionalProperties: false }),
  body: Type.Object({ run_secret: Secret, rows: Rows }, { additionalProperties: false }),
  status: 200,
  answer: Results,
  problems: ['run_unknown', 'run_finished', 'run_secret_invalid', 'batch_mismatch', 'busy'],
})

export const startUndo = defineOperation({
  id: 'rebind.start_undo',
  method: 'POST',
  url: '/v1/admin/rebind/undo-runs',
  summary: 'Begin the undoing of a run, or go on with it: earlier values come back where nothing was changed since.',
  access: 'admin',
  scope: 'rebind',
  /** Its value is `undoValue`, which has to be stated. */
  stepUp: 'rebind.undo',
  body: Type.Object(
    {
      run_id: Id,
      undoes: Id,
      /** How many rows of it were applied, as `readRun` told. */
      row_count: Type.Integer({ minimum: 1, maximum: longestRun }),
      reason: Reason,
      notify: Type.Boolean(),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: OpenRun,
  problems: ['run_unknown', 'run_conflict', 'run_finished', 'run_expired'],
})

export const undoRows = defineOperation({
  id: 'rebind.undo',
  method: 'POST',
  url: '/v1/admin/rebind/undo-runs/:run_id/batches',
  summary: 'Undo the next rows of the run, the last applied first. What was undone before is not undone again.',
  access: 'admin',
  scope: 'rebind',
  stepUp: null,
  params: RunParams,
  body: Type.Object(
    {
      run_secret: Secret,
      /** Rows before this one, which was the `next` of the answer before; left out: from the last row on. */
      before_row: Type.Optional(Type.Integer({ minimum: 1 })),
      limit: Type.Integer({ minimum: 1, maximum: longestBatch }),
    },
    { additionalProperties: false },
  ),
  status: 200,
  answer: Type.Object({ ...Results.properties, next: Type.Union([Type.Integer(), Type.Null()]) }),
  problems: ['run_unknown', 'run_finished', 'run_secret_invalid', 'busy'],
})

export const previewUndo = defineOperation({
  id: 'rebind.preview_undo',
  method: 'GET',
  url: '/v1/admin/rebind/runs/:run_id/undo',
  summary: 'Say what the undoing of a run would bring back, and what it would skip. Nothing is written.',
  access: 'admin',
  scope: 'rebind',
  stepUp: null,
  params: RunParams,
  query: Type.Object(
    {
      before_row: Type.Optional(Type.Integer({ minimum: 1 })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: longestBatch })),
    },
    { additionalProperties: false },
  ),
  status: 200,
  answer: Type.Object({ ...Results.properties, next: Type.Union([Type.Integer(), Type.Null()]) }),
  problems: ['run_unknown', 'run_expired', 'busy'],
})

export const finishRun = defineOperation({
  id: 'rebind.finish',
  method: 'POST',
  url: '/v1/admin/rebind/runs/:run_id/finish',
  summary: 'End a run, of either kind: its secret serves no more.',
  access: 'admin',
  scope: 'rebind',
  stepUp: null,
  params: RunParams,
  body: Type.Object({ run_secret: Secret }, { additionalProperties: false }),
  status: 200,
  answer: Type.Object({ run: Run }),
  problems: ['run_unknown', 'run_secret_invalid'],
})

export const readRun = defineOperation({
  id: 'rebind.read_run',
  method: 'GET',
  url: '/v1/admin/rebind/runs/:run_id',
  summary: 'One run.',
  access: 'admin',
  scope: 'rebind',
  stepUp: null,
  params: RunParams,
  status: 200,
  answer: Type.Object({ run: Run }),
  problems: ['run_unknown'],
})
