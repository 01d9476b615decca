import { callOut, type PushAnswer } from '../call-out.ts'

const timeout = 5_000

/** Pushes JSON by HTTP, as providers push receipts. */
export const pushJson = (url: string, value: unknown): Promise<PushAnswer | undefined> =>
  callOut(url, timeout, { type: 'application/json', body: JSON.stringify(value) })

/** What `read` finds in an answer of HTTP status 200 that is a JSON object. */
export function acknowledged(
  answer: PushAnswer | undefined,
  read: (value: Readonly<Record<string, unknown>>) => boolean,
): boolean {
  if (answer?.status !== 200) return false
  try {
    const value: unknown = JSON.parse(answer.body)
    return typeof value === 'object' && value !== null && read(value as Readonly<Record<string, unknown>>)
  } catch {
    return false
  }
}
