import { until } from './until.ts'

/** The secret of the link that a message holds; `undefined` when it holds none. */
export const undoSecretIn = (text: string): string | undefined =>
  /https?:\/\/\S+\/undo\/([A-Za-z0-9_-]{22})(?!\S)/.exec(text)?.[1]

/** The secret in the newest of `messages` that has one, as soon as there is one. */
export const newestUndoSecret = (what: string, messages: () => Promise<readonly { text: string }[]>): Promise<string> =>
  until(`an undo link for ${what}`, async () => (await messages()).map(({ text }) => undoSecretIn(text)).find(Boolean))
