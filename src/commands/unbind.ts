import { ApiError } from '../api/errors.ts'
import { InputRequiredError } from '../auth/errors.ts'
import type { Context } from '../cli/context.ts'
import { type BoundKey, readOverview } from '../contract/account.ts'
import { unbindEmail, unbindPhone, unbindTotp, unbindWebAuthn, unbindWeChat } from '../contract/bindings.ts'
import type { AnswerOf } from '../contract/operation.ts'
import type { BindableItem } from '../contract/schemas.ts'
import { CommandError } from './command-error.ts'

const unbindItem = { phone: unbindPhone, email: unbindEmail, totp: unbindTotp, wechat: unbindWeChat } as const

/** The key that the person means: by id, by a name that only one has, or the only one; else they are asked. */
async function chooseKey({ terminal, api }: Context, wanted: string | undefined): Promise<BoundKey> {
  const { items } = await api.call(readOverview, {})
  const keys = items.find(({ item }) => item === 'webauthn')?.keys ?? []
  const [first, ...others] = keys
  if (!first) throw new ApiError('not_bound')
  if (wanted !== undefined) {
    const named = keys.filter(({ id, name }) => id === wanted || name === wanted)
    const found = keys.find(({ id }) => id === wanted) ?? (named.length === 1 ? named[0] : undefined)
    if (!found) throw new CommandError('key_unknown', { key: wanted })
    return found
  }
  if (others.length === 0) return first
  if (!terminal.interactive) throw new InputRequiredError('key', ['ID'])
  const choices = keys.map(key => ({ value: key, label: key.name }))
  return terminal.select(terminal.t('ask.which_key'), choices)
}

async function unbind(context: Context, item: BindableItem, key?: string): Promise<AnswerOf<typeof unbindWebAuthn>> {
  const { api, stepUp } = context
  if (item !== 'webauthn') {
    return stepUp.run(`${item}.unbind`, undefined, proof => api.call(unbindItem[item], { proof }))
  }
  const { id } = await chooseKey(context, key)
  const call = (proof: string) => api.call(unbindWebAuthn, { params: { key_id: id }, proof })
  return stepUp.run('webauthn.unbind', id, call)
}

/** `hufu unbind phone|email|totp|wechat|webauthn [ID]`: step up, then it is gone; never the last way in. */
export async function run(
  context: Context,
  { item, key }: { item: BindableItem; key?: string | undefined },
): Promise<void> {
  const { terminal } = context
  const { t } = terminal
  const { value } = await unbind(context, item, key)
  const name = t(`item.${item}`)
  const words = value === null ? t('unbind.done', { item: name }) : t('unbind.done_value', { item: name, value })
  terminal.say(`${terminal.paint('good', '✓')} ${words}`)
  terminal.result({ item, value })
}
