import type { ItemChange } from '../../../contract/rebind.ts'
import { fromBase64url, toBase64url } from '../../../lib/base64url.ts'
import type { AccountsTable, TotpTable, WebAuthnCredentialsTable, WeChatIdentitiesTable } from '../../store/schema.ts'
import { isWayIn } from '../bindings/unbinding.ts'
import { maskContact, maskOpenid } from '../masks.ts'

export interface ContactState {
  readonly value: string
  readonly key: string
  readonly boundAt: number | null
  readonly usedAt: number | null
}

export interface PasswordState {
  readonly hash: string
  readonly setAt: number | null
  readonly usedAt: number | null
}

/** An item before and after. */
export interface Shift<T> {
  readonly before: T
  readonly after: T
}

/** A link that a row gave. */
export interface GivenLink {
  readonly id: string
  readonly purpose: 'totp' | 'webauthn'
  /** What was bound of its item then: whoever has used the link has bound something else. */
  readonly seen: readonly string[]
}

/** What a row does to one account. What is absent is left as it is. The row's `changes` are its JSON. */
export interface Edit {
  readonly phone?: Shift<ContactState | null>
  readonly email?: Shift<ContactState | null>
  readonly password?: Shift<PasswordState | null>
  readonly totp?: Shift<TotpTable | null>
  readonly wechat?: Shift<WeChatIdentitiesTable | null>
  readonly webauthn?: Shift<readonly WebAuthnCredentialsTable[]>
  /** Since when. */
  readonly disabled?: Shift<number | null>
  readonly given?: readonly GivenLink[]
  /** Links that it ends. */
  readonly ended?: readonly Pick<GivenLink, 'id' | 'purpose'>[]
  /** Nobody could log in before, as to an account that is new: undone, the row may leave it so. */
  readonly hadNoWayIn?: true
}

/** What of an account a row may change. */
export interface AccountState {
  /** As it was read. */
  readonly account: AccountsTable
  readonly phone: ContactState | null
  readonly email: ContactState | null
  readonly password: PasswordState | null
  readonly disabledAt: number | null
  readonly totp: TotpTable | null
  readonly wechat: WeChatIdentitiesTable | null
  readonly keys: readonly WebAuthnCredentialsTable[]
}

export function stateOf(
  account: AccountsTable,
  bound: Pick<AccountState, 'totp' | 'wechat' | 'keys'> = { totp: null, wechat: null, keys: [] },
): AccountState {
  const { phone_number: phone, email_address: email, email_key: emailKey, password_hash: hash } = account
  return {
    account,
    phone:
      phone === null
        ? null
        : { value: phone, key: phone, boundAt: account.phone_bound_at, usedAt: account.phone_used_at },
    email:
      email === null || emailKey === null
        ? null
        : { value: email, key: emailKey, boundAt: account.email_bound_at, usedAt: account.email_used_at },
    password: hash === null ? null : { hash, setAt: account.password_set_at, usedAt: account.password_used_at },
    disabledAt: account.disabled_at,
    ...bound,
  }
}

/** The account once the row is applied. */
export const edited = (state: AccountState, edit: Edit): AccountState => ({
  account: state.account,
  phone: edit.phone ? edit.phone.after : state.phone,
  email: edit.email ? edit.email.after : state.email,
  password: edit.password ? edit.password.after : state.password,
  disabledAt: edit.disabled ? edit.disabled.after : state.disabledAt,
  totp: edit.totp ? edit.totp.after : state.totp,
  wechat: edit.wechat ? edit.wechat.after : state.wechat,
  keys: edit.webauthn ? edit.webauthn.after : state.keys,
})

/** Whether an edit ends all access to the account: sessions, logins, links and whatever else was begun. */
export const endsAccess = ({ password, disabled }: Edit): boolean =>
  password !== undefined || (disabled !== undefined && disabled.after !== null)

/** Whether somebody could log in by what the account has. */
export const hasWayIn = ({ phone, email, password, totp, keys }: AccountState): boolean =>
  isWayIn({
    password: password !== null,
    email: email !== null,
    phone: phone !== null,
    totp: totp !== null,
    key: keys.length > 0,
  })

/** What somebody logs in by, to be compared with what it is later. */
export const waysInto = ({ account, totp, keys }: AccountState): string =>
  JSON.stringify([
    account.password_hash,
    account.phone_number,
    account.email_key,
    totp?.bound_at ?? null,
    keys.map(({ id }) => id),
  ])

/** What was bound of an item, to be compared with what is bound later. */
export const seenOf = ({ totp, keys }: AccountState, purpose: GivenLink['purpose']): string[] =>
  purpose === 'totp' ? (totp ? [String(totp.bound_at)] : []) : keys.map(({ id }) => id)

const shift = <T>(
  item: ItemChange['item'],
  change: Shift<T> | undefined,
  words: (value: T) => string | null,
): ItemChange[] => (change ? [{ item, old: words(change.before), new: words(change.after) }] : [])

const contact = (channel: 'phone' | 'email') => (state: ContactState | null) =>
  state && maskContact(channel, state.value)

/** What a row changes, item by item, for people: values are masked. */
export function itemChanges(edit: Edit): ItemChange[] {
  return [
    ...shift('phone', edit.phone, contact('phone')),
    ...shift('email', edit.email, contact('email')),
    ...shift('password', edit.password, state => state && 'set'),
    ...shift('totp', edit.totp, state => state && 'bound'),
    ...shift('wechat', edit.wechat, state => state && maskOpenid(state.openid)),
    ...shift('webauthn', edit.webauthn, keys => (keys.length > 0 ? keys.map(({ name }) => name).join(', ') : null)),
    ...(edit.given ?? []).map(({ purpose }) => ({ item: purpose, old: null, new: 'link' })),
    ...(edit.ended ?? []).map(({ purpose }) => ({ item: purpose, old: 'link', new: null })),
    ...shift('disabled', edit.disabled, since => String(since !== null)),
  ]
}

/** The same for an event: flat, with `phone.old`, `phone.new` … */
export function eventDetails(changes: readonly ItemChange[], reason: string): Record<string, string> {
  const details: Record<string, string> = {}
  for (const change of changes) {
    if (change.old !== null) details[`${change.item}.old`] = change.old
    if (change.new !== null) details[`${change.item}.new`] = change.new
  }
  details.reason = reason
  return details
}

/** JSON of an edit; bytes are `{"bytes": base64url}`. */
export function editText(edit: Edit): string {
  if (!edit.totp && !edit.webauthn) return JSON.stringify(edit)
  return JSON.stringify(edit, function (this: Record<string, unknown>, name, value) {
    const given = this[name]
    return given instanceof Uint8Array ? { bytes: toBase64url(given) } : value
  })
}

/** The edit of a row that was applied. */
export function editOf(text: string): Edit {
  return JSON.parse(text, (_, value) =>
    typeof value?.bytes === 'string' && Object.keys(value).length === 1 ? fromBase64url(value.bytes) : value,
  )
}
