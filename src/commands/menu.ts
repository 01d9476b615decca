import type { Context } from '../cli/context.ts'
import { type Overview, readOverview, type SecurityItemState } from '../contract/account.ts'
import type { BindableItem } from '../contract/schemas.ts'
import { showOverview } from './status.ts'

type Step = () => Promise<void>

async function change(context: Context, item: SecurityItemState['item']): Promise<void> {
  switch (item) {
    case 'password':
      return (await import('./passwd.ts')).run(context, { linkFile: undefined })
    case 'phone':
      return (await import('./bind/phone.ts')).run(context, { phoneNumber: undefined })
    case 'email':
      return (await import('./bind/email.ts')).run(context, { emailAddress: undefined })
    case 'totp':
      return (await import('./bind/totp.ts')).run(context)
    case 'wechat':
      return (await import('./bind/wechat.ts')).run(context)
    case 'webauthn':
      return (await import('./bind/webauthn.ts')).run(context, { keyName: undefined })
  }
}

async function unbindOne(context: Context, { items }: Overview): Promise<void> {
  const { terminal } = context
  const bound = items.flatMap(({ item, set }) => (set && item !== 'password' ? [item] : []))
  const choices = bound.map(item => ({ value: item as BindableItem | undefined, label: terminal.t(`item.${item}`) }))
  const back = { value: undefined, label: terminal.t('menu.back') }
  const item = await terminal.select(terminal.t('menu.unbind_which'), [...choices, back])
  if (item !== undefined) await (await import('./unbind.ts')).run(context, { item })
}

/** What the page offers; `leave` leaves it. */
function stepsOf(context: Context, overview: Overview): { value: Step | 'leave'; label: string }[] {
  const { t } = context.terminal
  return [
    ...overview.items.map(({ item, set }) => ({
      value: () => change(context, item),
      label: t(set ? 'menu.change' : 'menu.bind', { item: t(`item.${item}`) }),
    })),
    { value: () => unbindOne(context, overview), label: t('menu.unbind') },
    { value: async () => (await import('./recovery-codes.ts')).run(context), label: t('menu.recovery') },
    { value: async () => (await import('./sessions.ts')).list(context), label: t('menu.sessions') },
    {
      value: async () => (await import('./log.ts')).run(context, { limit: undefined, before: undefined }),
      label: t('menu.log'),
    },
    { value: 'leave', label: t('menu.quit') },
  ]
}

/** `hufu` alone: the security page as a menu, until the person leaves it. A refusal leads back to it. */
export async function run(context: Context): Promise<void> {
  const { terminal, api, signal, explain } = context
  if (api.sessionSecret === undefined) await (await import('./login.ts')).run(context, { username: undefined })
  for (;;) {
    const overview = await api.call(readOverview, {})
    await showOverview(overview, terminal, api.origin)
    const steps = stepsOf(context, overview)
    const firstUnset = steps[overview.items.findIndex(({ set }) => !set)]
    const step = await terminal.select<Step | 'leave'>(terminal.t('menu.choose'), steps, firstUnset?.value)
    if (step === 'leave') return
    try {
      await step()
    } catch (error) {
      if (signal.aborted || isFinal(error) || api.sessionSecret === undefined) throw error
      explain(error)
    }
  }
}

/** Ctrl-C leaves the menu, too. */
const isFinal = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'cancelled'
