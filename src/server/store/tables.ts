import type { TransferColumn, TransferTable } from '../domain/ports/transfer.ts'
import type { Tables } from './schema.ts'

/** The kind of a column by its type in the schema, with `?` where it may be NULL. */
type KindOf<T> =
  `${[Exclude<T, null>] extends [string] ? 'text' : [Exclude<T, null>] extends [number] ? 'bigint' : 'bytea'}${null extends T ? '?' : ''}`

interface Description<T> {
  readonly key: readonly (keyof T & string)[]
  readonly columns: { readonly [Column in keyof T]: KindOf<T[Column]> }
  readonly parent?: keyof T & string
  readonly page?: number
}

/** The compiler demands every table and every column of the schema. Their order is that of foreign keys. */
const descriptions: { readonly [Name in keyof Tables]: Description<Tables[Name]> } = {
  accounts: {
    key: ['id'],
    columns: {
      id: 'text',
      username: 'text',
      username_key: 'text',
      password_hash: 'text?',
      password_set_at: 'bigint?',
      password_used_at: 'bigint?',
      phone_number: 'text?',
      phone_bound_at: 'bigint?',
      phone_used_at: 'bigint?',
      email_address: 'text?',
      email_key: 'text?',
      email_bound_at: 'bigint?',
      email_used_at: 'bigint?',
      user_handle: 'bytea',
      locale: 'text',
      role: 'text',
      disabled_at: 'bigint?',
      created_at: 'bigint',
    },
  },
  totp_authenticators: {
    key: ['account_id'],
    columns: {
      account_id: 'text',
      sealed_secret: 'bytea',
      last_step: 'bigint',
      bound_at: 'bigint',
      used_at: 'bigint?',
    },
  },
  wechat_identities: {
    key: ['account_id'],
    columns: { account_id: 'text', openid: 'text', bound_at: 'bigint', unionid: 'text?' },
  },
  webauthn_credentials: {
    key: ['id'],
    columns: {
      id: 'text',
      account_id: 'text',
      credential_id: 'text',
      name: 'text',
      public_key: 'bytea',
      algorithm: 'bigint',
      sign_count: 'bigint',
      aaguid: 'text',
      transports: 'text',
      backup_eligible: 'bigint',
      backup_state: 'bigint',
      bound_at: 'bigint',
      used_at: 'bigint?',
    },
  },
  recovery_codes: {
    key: ['id'],
    columns: { id: 'text', account_id: 'text', code_hash: 'text', created_at: 'bigint', used_at: 'bigint?' },
  },
  enrolment_links: {
    key: ['id'],
    columns: {
      id: 'text',
      account_id: 'text',
      secret_hash: 'text',
      created_at: 'bigint',
      expires_at: 'bigint',
      used_at: 'bigint?',
      purpose: 'text',
    },
  },
  sessions: {
    key: ['id'],
    columns: {
      id: 'text',
      account_id: 'text',
      secret_hash: 'text',
      created_at: 'bigint',
      last_used_at: 'bigint',
      expires_at: 'bigint',
      revoked_at: 'bigint?',
      source: 'text',
      client: 'text',
      methods: 'text',
      enrolment_link_id: 'text?',
    },
  },
  logins: {
    key: ['id'],
    columns: {
      id: 'text',
      account_id: 'text?',
      username_key: 'text',
      first_method: 'text?',
      webauthn_challenge: 'text?',
      created_at: 'bigint',
      expires_at: 'bigint',
      completed_at: 'bigint?',
    },
  },
  challenges: {
    key: ['id'],
    columns: {
      id: 'text',
      account_id: 'text',
      session_id: 'text',
      operation: 'text',
      value_hash: 'text?',
      webauthn_challenge: 'text?',
      created_at: 'bigint',
      expires_at: 'bigint',
      method: 'text?',
      proof_hash: 'text?',
      proof_expires_at: 'bigint?',
      used_at: 'bigint?',
    },
  },
  codes: {
    key: ['id'],
    columns: {
      id: 'text',
      account_id: 'text?',
      purpose: 'text',
      subject_id: 'text',
      channel: 'text',
      code_hash: 'text',
      sent_at: 'bigint',
      expires_at: 'bigint',
      used_at: 'bigint?',
      replaced_at: 'bigint?',
    },
  },
  bindings: {
    key: ['id'],
    columns: {
      id: 'text',
      account_id: 'text',
      session_id: 'text',
      challenge_id: 'text',
      item: 'text',
      value: 'text?',
      sealed_secret: 'bytea?',
      webauthn_challenge: 'text?',
      wechat_scene: 'text?',
      qr_expires_at: 'bigint?',
      created_at: 'bigint',
      expires_at: 'bigint',
      ended_at: 'bigint?',
      scanned_at: 'bigint?',
      scanned_openid: 'text?',
      scanned_unionid: 'text?',
      outcome: 'text?',
    },
  },
  throttles: {
    key: ['key'],
    columns: { key: 'text', failures: 'bigint', last_failure_at: 'bigint', blocked_until: 'bigint' },
  },
  events: {
    key: ['id'],
    columns: {
      id: 'text',
      account_id: 'text?',
      at: 'bigint',
      action: 'text',
      method: 'text?',
      session_id: 'text?',
      source: 'text',
      details: 'text',
      actor: 'text?',
      run_id: 'text?',
    },
  },
  outbox: {
    key: ['id'],
    columns: {
      id: 'text',
      channel: 'text',
      purpose: 'text',
      account_id: 'text?',
      decoy: 'bigint',
      sealed_message: 'bytea',
      created_at: 'bigint',
      not_after: 'bigint',
      attempts: 'bigint',
      next_attempt_at: 'bigint',
      sent_at: 'bigint?',
      failed_at: 'bigint?',
      claim_id: 'text?',
      lapsed: 'bigint',
      provider: 'text?',
      provider_message_id: 'text?',
      failure: 'text?',
      receipt: 'text?',
      receipt_at: 'bigint?',
    },
  },
  service_credentials: {
    key: ['id'],
    columns: {
      id: 'text',
      secret_hash: 'text',
      scopes: 'text',
      created_at: 'bigint',
      expires_at: 'bigint',
      revoked_at: 'bigint?',
      name: 'text',
      created_by: 'text?',
      last_used_at: 'bigint?',
    },
  },
  settings: { key: ['name'], columns: { name: 'text', sealed_value: 'bytea', expires_at: 'bigint' } },
  pushes: { key: ['key'], columns: { key: 'text', received_at: 'bigint' } },
  provider_health: {
    key: ['provider'],
    columns: { provider: 'text', failures: 'bigint', failure: 'text?', since: 'bigint', retry_at: 'bigint' },
  },
  reversals: {
    key: ['id'],
    columns: {
      id: 'text',
      account_id: 'text',
      item: 'text',
      value: 'text?',
      value_key: 'text?',
      secret_hash: 'text',
      created_at: 'bigint',
      expires_at: 'bigint',
      ended_at: 'bigint?',
      outcome: 'text?',
    },
  },
  wechat_authorisations: {
    key: ['state_hash'],
    columns: {
      state_hash: 'text',
      binding_id: 'text',
      browser_hash: 'text',
      created_at: 'bigint',
      expires_at: 'bigint',
      used_at: 'bigint?',
    },
  },
  bulk_runs: {
    key: ['id'],
    parent: 'undoes',
    // The digests of the batches of a run of millions of rows are megabytes.
    page: 4,
    columns: {
      id: 'text',
      kind: 'text',
      undoes: 'text?',
      started_by: 'text',
      account_id: 'text?',
      credential_id: 'text?',
      secret_hash: 'text',
      secret_expires_at: 'bigint',
      file_sha256: 'text?',
      row_count: 'bigint',
      batch_digests: 'bytea',
      reason: 'text',
      notify: 'bigint',
      created_at: 'bigint',
      finished_at: 'bigint?',
    },
  },
  bulk_rows: {
    key: ['run_id', 'row_number'],
    columns: { run_id: 'text', row_number: 'bigint', account_id: 'text', applied_at: 'bigint', changes: 'text' },
  },
}

const columnOf = ([name, kind]: [string, string]): TransferColumn => ({
  name,
  kind: kind.replace('?', '') as TransferColumn['kind'],
  isNullable: kind.endsWith('?'),
})

const anyDescription = (description: Description<Record<string, unknown>>) => description

/** Every table of the schema, in an order in which each comes after those that it refers to. */
export const transferTables: readonly TransferTable[] = Object.entries(descriptions).map(([name, description]) => {
  const { key, columns, parent, page = 500 } = anyDescription(description as never)
  return { name, key, columns: Object.entries(columns).map(columnOf), parent, page }
})
