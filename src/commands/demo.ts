import type { Context, RunningDemo } from '../cli/context.ts'
import { readOverview } from '../contract/account.ts'
import type { SecurityItem } from '../contract/schemas.ts'
import { CommandError } from './command-error.ts'
import { demoFlows, type Walk } from './demo-flows.ts'
import { showOverview } from './status.ts'

const messagePatience = 5000
const messagePause = 100

/** Hands the security page to the person. A message appears before the prompt that asks for its code. */
async function handOver({ terminal }: Context, demo: RunningDemo): Promise<void> {
  const { t } = terminal
  terminal.say(t('demo.banner', { server: demo.origin, ...demo.account }))
  const visitor = await demo.context({ answers: { password: async () => demo.account.password }, verify: ['password'] })
  await (await import('./login.ts')).run(visitor, { username: demo.account.username })
  // What the server sent while it was set up is no news to anybody.
  await demo.newMessages()
  /** Whether a code was among them. */
  const tellNewMessages = async (): Promise<boolean> => {
    const fresh = await demo.newMessages()
    for (const { to, text } of fresh) terminal.say(t('demo.message', { to, text }))
    return fresh.some(({ code }) => code !== null)
  }
  let appSecret = ''
  let lastAppCode = ''
  /** An app shows the same code for 30 seconds, but it works once: the second time the next one is told. */
  const tellAppCode = async () => {
    const code = await demo.totpCode(appSecret, 0)
    lastAppCode = code === lastAppCode ? await demo.totpCode(appSecret, 1) : code
    terminal.say(t('demo.app_code', { code: lastAppCode }))
  }
  const context: Context = await demo.context({
    answers: {
      username: async () => demo.account.username,
      async code({ channel }) {
        if (channel === 'totp') {
          await tellAppCode()
          return undefined
        }
        const end = context.clock.now() + messagePatience
        while (!(await tellNewMessages()) && context.clock.now() < end) {
          await context.clock.sleep(messagePause, context.signal).catch(() => {})
        }
        return undefined
      },
    },
    async onEvent(name, { item, payload, secret }) {
      if (name === 'step_up') terminal.note(t('demo.password_is', { password: demo.account.password }))
      if (name !== 'qr') return
      if (item === 'totp') appSecret = String(secret)
      if (item !== 'wechat') return
      terminal.note(t('demo.phone_scans'))
      await context.clock.sleep(5000, context.signal).then(
        () => demo.scan(String(payload)),
        () => undefined,
      )
    },
  })
  await (await import('./menu.ts')).run(context)
  await tellNewMessages()
  terminal.result({ interactive: true })
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
