import type { ItemChange } from '../../../contract/rebind.ts'
import { type AdminChange, adminNotice } from '../../messages/admin-notice.ts'
import type { NoticeKey } from '../../messages/catalogues.ts'
import type { OutboxTable } from '../../store/schema.ts'
import { type Destination, destinationsOf, isServed, noticeLifetime } from '../change.ts'
import { type Domain, localeOf } from '../domain.ts'
import { type AccountState, type Edit, edited } from './edit.ts'

/** What people are told of a change of an item, by what it was and what it is. */
function noticeOf({ item, old, new: now }: ItemChange): NoticeKey {
  if (item === 'phone' || item === 'email') {
    return now === null ? `admin.${item}.unbind` : old === null ? `admin.${item}.bind` : `admin.${item}.replace`
  }
  if (item === 'password') return now === null ? 'admin.password.remove' : 'admin.password.set'
  if (item === 'disabled') return now === 'true' ? 'account.disable' : 'account.enable'
  if (item === 'wechat') return now === null ? 'admin.wechat.unbind' : 'admin.wechat.restore'
  if (now === 'link') return `admin.${item}.link`
  if (old === 'link') return `admin.${item}.unlink`
  return now === null ? `admin.${item}.unbind` : `admin.${item}.restore`
}

const toldOf = (change: ItemChange): AdminChange => ({
  what: noticeOf(change),
  old: change.old ?? '',
  new: change.new ?? '',
})

function contactsOf({ phone, email }: AccountState): Destination[] {
  return destinationsOf({
    phone_number: phone?.value ?? null,
    email_address: email?.value ?? null,
    email_key: email?.key ?? null,
  })
}

/**
 * The notices of one changed account, as rows for the outbox: to every destination that it had, and to each that is new
 * (NIST SP 800-63B-4 section 4.6), in its owner's language. They have no link that undoes the change: ADR 0006.
 */
export function noticesOf(
  domain: Pick<Domain, 'outbox' | 'policy'>,
  { state, edit }: { state: AccountState; edit: Edit },
  changes: readonly ItemChange[],
  now: number,
): OutboxTable[] {
  const { account } = state
  const before = contactsOf(state)
  const isNew = ({ destination }: Destination) => !before.some(known => known.destination === destination)
  const told = changes.map(toldOf)
  return [...before, ...contactsOf(edited(state, edit)).filter(isNew)]
    .filter(to => isServed(domain, to))
    .map(to => {
      const facts = { username: account.username, at: now }
      const message = adminNotice(to, told, facts, domain.policy.serviceName, localeOf(account))
      const notAfter = now + noticeLifetime
      return domain.outbox.rowOf(message, { channel: to.channel, purpose: 'notice', accountId: account.id, notAfter })
    })
}
