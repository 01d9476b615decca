import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { printable } from '../../lib/printable.ts'
import { scriptedAnswers } from '../answers.ts'
import { buildContext } from '../build-context.ts'
import type { Answers, DemoMessage, RunningDemo, SystemContext, Terminal } from '../context.ts'
import type { Language } from '../messages/catalogue.ts'
import { openProfiles } from '../profile.ts'
import type { GlobalOptions } from '../program.ts'
import { createSessionStore } from '../session-store.ts'
import { exchange } from './loopback.ts'
import { startServerProcess } from './server-process.ts'

export interface DemoOptions {
  readonly system: SystemContext
  readonly language: Language
  readonly globals: GlobalOptions
  readonly terminal: Terminal
  readonly signal: AbortSignal
}

const totpPeriodSeconds = 30

const textOf = (value: unknown): string => (typeof value === 'string' ? printable(value) : '')

function messageOf(value: unknown): DemoMessage[] {
  if (typeof value !== 'object' || value === null) return []
  const { channel, to, code, text } = value as Record<string, unknown>
  return [
    { channel: textOf(channel), to: textOf(to), code: typeof code === 'string' ? code : null, text: textOf(text) },
  ]
}

/** A list, or an object that holds one. */
function messagesIn(answer: unknown): DemoMessage[] {
  const list =
    typeof answer === 'object' && answer !== null && 'messages' in answer ? answer.messages : (answer as unknown)
  return Array.isArray(list) ? list.flatMap(messageOf) : []
}

/** A terminal that tells its events to `hear` too, and whose results are steps of the demo's own. */
function overheard(terminal: Terminal, hear: (name: string, members: Readonly<Record<string, unknown>>) => void) {
  const heard: Terminal = Object.create(terminal, {
    event: {
      value(name: string, members: Readonly<Record<string, unknown>>) {
        terminal.event(name, members)
        hear(name, members)
      },
    },
    result: {
      value(members: Readonly<Record<string, unknown>>) {
        terminal.event('progress', { ...members })
        hear('result', members)
      },
    },
  })
  return heard
}

/** Starts the demo's server, and keeps its logins in a directory that goes with it. */
export async function startDemo(options: DemoOptions): Promise<RunningDemo> {
  const { system, language, globals, terminal, signal } = options
  const { clock } = system
  const home = mkdtempSync(join(tmpdir(), 'hufu-demo-'))
  const removeHome = () => rmSync(home, { recursive: true, force: true })
  const server = await startServerProcess(system, signal).catch(error => {
    removeHome()
    throw error
  })
  const { listening } = server
  // What is gone with the demo leaves nothing in a keyring.
  const env = { HOME: home, USERPROFILE: home, HUFU_KEYRING: 'off' }
  const profiles = openProfiles(env, system.platform)
  const store = createSessionStore({
    ...system,
    env,
    profiles,
    interactive: false,
    signal,
    onWaiting: () => {},
  })
  const closing: (() => Promise<void>)[] = []
  let seen = 0
  const read = async (to?: string) => {
    const url = new URL(listening.outbox)
    if (to !== undefined) url.searchParams.set('to', to)
    return messagesIn(await exchange('GET', url.href))
  }

  return {
    origin: listening.url,
    account: listening.account,
    messages: read,
    async scan(url) {
      await exchange('POST', listening.wechat_scan, { url })
    },
    async totpCode(secret, steps) {
      const { generate } = await import('otplib')
      const epoch = Math.floor(clock.now() / 1000) + steps * totpPeriodSeconds
      return generate({ secret, epoch })
    },
    async newMessages() {
      const all = await read()
      const fresh = all.slice(0, all.length - seen).reverse()
      seen = all.length
      return fresh
    },
    async context({ answers = {}, verify = [], onEvent }) {
      const nothing = scriptedAnswers({ env: {}, signal, onReadable: () => {} })
      const every: Answers = { ...nothing, ...answers }
      const context = await buildContext({
        system: { ...system, env: { ...system.env, HOME: home } },
        globals: { ...globals, server: listening.url, profile: 'demo', device: listening.security_key, verify },
        terminal: overheard(terminal, (name, members) => {
          void Promise.resolve(onEvent?.(name, members)).catch(error => context.explain(error))
        }),
        answers: every,
        store,
        origin: listening.url,
        language,
        signal,
        demo: { start: () => Promise.reject(new TypeError('a demo within a demo')) },
      })
      closing.push(() => context.api.close())
      return context
    },
    async stop() {
      await Promise.allSettled(closing.map(close => close()))
      await server.stop()
      removeHome()
    },
  }
}
