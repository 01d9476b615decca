import { until } from './until.ts'

export interface SentMessage {
  readonly channel: string
  readonly to: string
  readonly code: string | null
  readonly text: string
}

/** What the ephemeral server's mailbox holds for one address or number. */
export interface Outbox {
  readonly url: string
  /** Newest first. */
  messages(to: string): Promise<SentMessage[]>
  /** How many codes have been sent there. */
  codeCount(to: string): Promise<number>
  /** The newest code, once more than `after` have been sent there. */
  latestCode(to: string, after?: number): Promise<string>
}

export function openOutbox(url: string): Outbox {
  const messages = async (to: string): Promise<SentMessage[]> => {
    const answer = await fetch(`${url}?to=${encodeURIComponent(to)}`)
    if (!answer.ok) throw new Error(`the outbox answers ${answer.status}`)
    return (await answer.json()) as SentMessage[]
  }
  const codes = async (to: string) => (await messages(to)).flatMap(({ code }) => (code === null ? [] : [code]))
  return {
    url,
    messages,
    codeCount: async to => (await codes(to)).length,
    latestCode: (to, after = 0) =>
      until(`code ${after + 1} to ${to}`, async () => {
        const sent = await codes(to)
        return sent.length > after ? sent[0] : undefined
      }),
  }
}
