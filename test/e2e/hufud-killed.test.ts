// The built hufud, killed with codes in its hands and started again on the same database: each code that somebody was
// promised arrives, and none more than twice.

import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { askDatabase } from '../support/ask-database.ts'
import { type CodeSender, openCodeSender, operatorsView } from '../support/code-sender.ts'
import { type ConfiguredHufud, type Inbox, openInbox, startConfiguredHufud } from '../support/configured-hufud.ts'
import { type SmtpSink, startSmtpSink } from '../support/smtp-sink.ts'
import { until } from '../support/until.ts'

const codes = 30
/** Of one sender; beyond 20 there is a wait. */
const each = 15
/** The longest that the mail server takes for a step, in milliseconds. */
const longestDelay = 40

let inbox: Inbox
let sink: SmtpSink
let server: ConfiguredHufud
beforeAll(async () => {
  inbox = await openInbox()
  const later = (done: () => void) => void setTimeout(done, Math.random() * longestDelay)
  sink = await startSmtpSink({ slow: later })
  server = await startConfiguredHufud({
    sections: () => [`email: { from: a@hufu.example, smtp: { host: 127.0.0.1, port: ${sink.port}, security: none } }`],
    outbox: inbox,
  })
})
afterAll(async () => {
  await server.close()
  await sink.close()
  await inbox.close()
})

/** As if a minute had gone by since: what the killed process had claimed is anybody's. */
async function letClaimsEnd(): Promise<void> {
  await askDatabase(
    server.database,
    'update outbox set next_attempt_at = 0 where claim_id is not null and sent_at is null',
  )
}

const arrivals = (to: string) => sink.mails.filter(mail => mail.to.includes(to)).length

/** Asks for codes until hufud is gone. @returns by their ids, where those go that were promised */
async function askForCodes(senders: readonly CodeSender[], round: number): Promise<Map<string, string>> {
  const promised = new Map<string, string>()
  await Promise.all(
    senders.map(async (sender, index) => {
      for (let number = 0; number < each; number += 1) {
        const to = `round-${round}-${index}-${number}@hufu.example`
        const id = await sender.send(to).catch(() => undefined)
        if (id === undefined) return
        promised.set(id, to)
      }
    }),
  )
  return promised
}

let promisedInAll = 0
let heldWhenKilled = 0

it.each([1, 2, 3, 4, 5])(
  'killed at any moment (%i): no code is lost, and none arrives more than twice',
  async round => {
    const senders = await Promise.all(Array.from({ length: codes / each }, () => openCodeSender(server)))
    const asking = askForCodes(senders, round)
    await until('the first mail', () => (arrivals(`round-${round}-0-0@hufu.example`) > 0 ? true : undefined))
    await delay(Math.random() * 150)
    await server.kill()
    const promised = await asking
    promisedInAll += promised.size
    heldWhenKilled += [...promised.values()].filter(to => arrivals(to) === 0).length
    await letClaimsEnd()
    await server.start()
    await until('all to be sent', async () => {
      const { messages } = await operatorsView(server)
      return [...promised.keys()].every(id => messages.get(id)?.state === 'sent') ? true : undefined
    })
    for (const to of promised.values()) expect([1, 2], `${to}: ${arrivals(to)}`).toContain(arrivals(to))
    for (const { api } of senders) await api.close()
  },
)

it('each time there was something to lose', () => {
  expect(promisedInAll).toBeGreaterThan(5)
  expect(heldWhenKilled).toBeGreaterThan(0)
})
