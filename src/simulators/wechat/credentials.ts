import type { Random } from '../../lib/random.ts'

/** What an official account's settings page shows. */
export interface WeChatCredentials {
  /** `wx` and 16 hexadecimal digits. */
  readonly appId: string
  readonly appSecret: string
  /** The token of the message push. */
  readonly token: string
  /** 43 characters. */
  readonly encodingAesKey: string
}

/** Fresh ones. The key has letters and digits only, like WeChat's own. */
export const randomCredentials = (random: Random): WeChatCredentials => ({
  appId: `wx${hex(random, 8)}`,
  appSecret: hex(random, 16),
  token: hex(random, 16),
  encodingAesKey: hex(random, 22).slice(0, 43),
})

const hex = (random: Random, length: number): string => Buffer.from(random.bytes(length)).toString('hex')
