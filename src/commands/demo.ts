import type { Context, DemoMessage, RunningDemo } from '../cli/context.ts'
import { readOverview } from '../contract/account.ts'
import type { SecurityItem } from '../contract/schemas.ts'
import { CommandError } from './command-error.ts'
import { demoFlows, type Walk } from './demo-flows.ts'
import { showOverview } from './status.ts'

/** Hands the security page to the person; the messages that the server sends appear as they arrive. */
async function handOver({ terminal }: Context, demo: RunningDemo): Promise<void> {
  const { t } = terminal
  terminal.say(t('demo.banner', { server: demo.origin, ...demo.account }))
  const visitor = await demo.context({ answers: { password: async () => demo.account.password }, verify: ['password'] })
  await (await import('./login.ts')).run(visitor, { username: demo.account.username })
  const context = await demo.context({
    answers: { username: async () => demo.account.username },
    async onEvent(name, { item, payload, secret }) {
      if (name === 'step_up') terminal.note(t('demo.password_is', { password: demo.account.password }))
      if (name !== 'qr') return
      if (item === 'totp') terminal.note(t('demo.app_code', { code: await demo.totpCode(String(secret), 0) }))
      if (item !== 'wechat') return
      terminal.note(t('demo.phone_scans'))
      await context.clock.sleep(5000, context.signal).then(
        () => demo.scan(String(payload)),
        () => undefined,
      )
    },
  })
  const tell = ({ to, text }: DemoMessage) => terminal.say(t('demo.message', { to, text }))
  const stopWatching = demo.watch(tell)
  try {
    await (await import('./menu.ts')).run(context)
    terminal.result({ interactive: true })
  } finally {
    stopWatching()
  }
}

async function showPage({ terminal }: Context, visitor: Context, when: 'before' | 'after'): Promise<void> {
  const overview = await visitor.api.call(readOverview, {})
  terminal.say(`\n${terminal.t(`demo.${when}`)}`)
  await showOverview(overview, terminal, visitor.api.origin)
  terminal.event('progress', { page: when, ...overview })
}

/** Walks the six flows with nobody there, each by its own command, confirmed by another method each time. */
async function walk(context: Context, demo: RunningDemo): Promise<void> {
  const { terminal, signal } = context
  const { t } = terminal
  const known: Walk = { demo, password: demo.account.password, totpSteps: 0 }
  const failed: SecurityItem[] = []
  const visitor = await demo.context({ answers: { password: async () => known.password }, verify: ['password'] })
  await (await import('./login.ts')).run(visitor, { username: demo.account.username })
  await showPage(context, visitor, 'before')
  for (const flow of demoFlows) {
    const item = t(`item.${flow.item}`)
    terminal.say(`\n${t('demo.flow', { item, method: t(`method.${flow.verify}`) })}`)
    try {
      await flow.run(known)
      terminal.say(terminal.paint('good', t('demo.held', { item })))
    } catch (error) {
      if (signal.aborted) throw error
      failed.push(flow.item)
      context.explain(error)
      terminal.say(terminal.paint('bad', t('demo.not_held', { item })))
    }
  }
  await showPage(context, visitor, 'after')
  if (failed.length > 0) throw new CommandError('demo_failed', { failed: failed.length })
  terminal.say(`\n${t('demo.done')}`)
  terminal.result({ flows: demoFlows.map(({ item }) => item) })
}

/** `hufu demo`: a server of one's own; on a terminal the menu, else all six flows by themselves. */
export async function run(context: Context): Promise<void> {
  const { terminal } = context
  const waiting = terminal.waiting(terminal.t('demo.starting'))
  const demo = await context.demo.start().finally(() => waiting.stop())
  try {
    await (terminal.interactive ? handOver(context, demo) : walk(context, demo))
  } finally {
    await demo.stop()
    terminal.note(terminal.t('demo.ended'))
  }
}
