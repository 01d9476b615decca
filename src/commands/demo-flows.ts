import type { CodeRequest } from '../auth/interaction.ts'
import type { Context, RunningDemo } from '../cli/context.ts'
import type { SecurityItem, VerificationMethod } from '../contract/schemas.ts'

/** What the visitor of a demo knows: it grows from flow to flow. */
export interface Walk {
  readonly demo: RunningDemo
  password: string
  /** How many codes of the app have been used: each works once. */
  totpSteps: number
  totpSecret?: string
  phoneNumber?: string
  emailAddress?: string
}

export interface DemoFlow {
  readonly item: SecurityItem
  /** By what the visitor confirms that it is them. */
  readonly verify: VerificationMethod
  run(walk: Walk): Promise<void>
}

const newPassword = 'tiger tally, both halves'
const newPhoneNumber = '+8613800138000'
const newEmailAddress = 'visitor@example.org'
const lookPause = 200
const looks = 100

/** Waits for the message with a code that has not been there before. */
async function newestCode(demo: RunningDemo, to: string, earlier: number, context: Context): Promise<string> {
  for (let look = 0; look < looks; look++) {
    const messages = await demo.messages(to)
    const [newest] = messages.filter(({ code }) => code !== null)
    if (newest?.code && messages.length > earlier) return newest.code
    await context.clock.sleep(lookPause, context.signal)
  }
  throw new TypeError(`no message to ${to}`)
}

/** A code of the app that has not been used: the server takes the present step and the next. */
async function appCode(walk: Walk): Promise<string> {
  const code = await walk.demo.totpCode(walk.totpSecret ?? '', walk.totpSteps)
  walk.totpSteps++
  return code
}

/** The visitor's context: answers from what they know, from the outbox, from the app. */
async function visit(walk: Walk, verify: VerificationMethod, binding?: string): Promise<Context> {
  const { demo } = walk
  const sentTo = (request: CodeRequest) =>
    request.purpose === 'bind' ? binding : request.channel === 'email' ? walk.emailAddress : walk.phoneNumber
  const before = new Map<string, number>()
  for (const to of [binding, walk.emailAddress, walk.phoneNumber]) {
    if (to !== undefined) before.set(to, (await demo.messages(to)).length)
  }
  const context: Context = await demo.context({
    verify: [verify],
    answers: {
      password: async () => walk.password,
      newPassword: async () => newPassword,
      code: async request => {
        const to = sentTo(request)
        if (request.channel === 'totp' || to === undefined) return appCode(walk)
        return newestCode(demo, to, before.get(to) ?? 0, context)
      },
    },
    async onEvent(name, { item, payload, secret }) {
      if (name !== 'qr') return
      if (item === 'wechat') await demo.scan(String(payload))
      else walk.totpSecret = String(secret)
    },
  })
  return context
}

/** The six flows, in an order in which each method that confirms has been bound by an earlier one. */
export const demoFlows: readonly DemoFlow[] = [
  {
    item: 'password',
    verify: 'password',
    async run(walk) {
      await (await import('./passwd.ts')).run(await visit(walk, this.verify), { linkFile: undefined })
      walk.password = newPassword
    },
  },
  {
    item: 'phone',
    verify: 'password',
    async run(walk) {
      const context = await visit(walk, this.verify, newPhoneNumber)
      await (await import('./bind/phone.ts')).run(context, { phoneNumber: newPhoneNumber })
      walk.phoneNumber = newPhoneNumber
    },
  },
  {
    item: 'email',
    verify: 'phone',
    async run(walk) {
      const context = await visit(walk, this.verify, newEmailAddress)
      await (await import('./bind/email.ts')).run(context, { emailAddress: newEmailAddress })
      walk.emailAddress = newEmailAddress
    },
  },
  {
    item: 'totp',
    verify: 'email',
    run: async walk => (await import('./bind/totp.ts')).run(await visit(walk, 'email')),
  },
  {
    item: 'webauthn',
    verify: 'totp',
    run: async walk => (await import('./bind/webauthn.ts')).run(await visit(walk, 'totp'), { keyName: 'Tiger' }),
  },
  {
    item: 'wechat',
    verify: 'webauthn',
    run: async walk => (await import('./bind/wechat.ts')).run(await visit(walk, 'webauthn')),
  },
]
