import { type Clock, isoTime } from '../../lib/clock.ts'
import { json, type LoopbackAnswer, type LoopbackRequest, problem, startLoopbackServer } from '../loopback-server.ts'

/** What arrives in a mailbox. */
export interface MailboxMessage {
  readonly channel: 'email' | 'phone'
  /** An address, or a number in E.164. */
  readonly to: string
  readonly code: string | null
  readonly text: string
  readonly subject?: string
}

/** What a mailbox shows: the message, and when it came (ISO 8601). */
export type ReceivedMessage = MailboxMessage & { readonly sent_at: string }

/** Stands in for everybody's phone and mail program. It remembers the last 1000 messages, in memory. */
export interface Mailbox {
  deliver(message: MailboxMessage): void
  /** The messages sent to an address (in any case) or number, or all of them, newest first. */
  messages(to?: string): ReceivedMessage[]
}

const capacity = 1000

export function createMailbox({ clock }: { clock: Clock }): Mailbox {
  const received: ReceivedMessage[] = []
  return {
    deliver: ({ channel, to, code, text, subject }) => {
      const message = { channel, to, code, text, sent_at: isoTime(clock.now()) }
      received.unshift(subject === undefined ? message : { ...message, subject })
      received.splice(capacity)
    },
    messages: to => received.filter(message => to === undefined || message.to.toLowerCase() === to.toLowerCase()),
  }
}

/** Answers `GET …?to=ADDRESS` with the messages sent there, `GET …` with all, newest first, as a JSON array. */
export function answerOutbox(mailbox: Mailbox, request: LoopbackRequest): LoopbackAnswer {
  if (request.method !== 'GET') return problem(405, 'method_not_allowed', 'The outbox is read with GET.')
  if (!request.query.split('&').some(part => part.startsWith('to='))) return json(mailbox.messages())
  const to = addressIn(request.query)
  return to === undefined
    ? problem(400, 'bad_request', 'Say whose messages: ?to=+8613800138000 or ?to=name@example.org.')
    : json(mailbox.messages(to))
}

/** No address holds a blank, so a raw `+` is a plus sign here and not what form encoding makes of it. */
function addressIn(query: string): string | undefined {
  const parameter = query.split('&').find(part => part.startsWith('to='))
  try {
    return parameter === undefined ? undefined : decodeURIComponent(parameter.slice('to='.length)) || undefined
  } catch {
    return undefined
  }
}

/** A mailbox with an HTTP server of its own, which answers at `url`. */
export async function startMailbox(options: {
  clock: Clock
}): Promise<Mailbox & { readonly url: string; close(): Promise<void> }> {
  const mailbox = createMailbox(options)
  const server = await startLoopbackServer(1024, request =>
    request.path === '/outbox' ? answerOutbox(mailbox, request) : problem(404, 'not_found', 'There is only /outbox.'),
  )
  return { ...mailbox, url: `${server.origin}/outbox`, close: server.close }
}
