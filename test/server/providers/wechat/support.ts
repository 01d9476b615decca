import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemRandom } from '../../../../src/lib/random.ts'
import type { WeChat, WeChatAccessToken, WeChatAccessTokenStore } from '../../../../src/server/domain/ports/wechat.ts'
import { openWeChat, type WeChatOptions } from '../../../../src/server/providers/wechat/official-account.ts'
import type { WeChatCredentials } from '../../../../src/simulators/wechat/credentials.ts'
import { manualClock } from '../../../support/manual-clock.ts'

export const credentials: WeChatCredentials = {
  appId: 'wx0123456789abcdef',
  appSecret: 'app-secret-that-no-one-sees',
  token: 'pushtoken',
  encodingAesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
}

export const otherKey = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'

/** A store that answers from memory, whatever the time. */
export function memoryStore(initial?: WeChatAccessToken): WeChatAccessTokenStore & { writes: WeChatAccessToken[] } {
  let token = initial
  const writes: WeChatAccessToken[] = []
  return {
    writes,
    read: async () => token,
    write: async (value, expiresAt) => {
      token = { value, expiresAt }
      writes.push(token)
    },
  }
}

/** The provider with these credentials; nothing listens at its address unless the options say where. */
export const weChatWith = (options: Partial<WeChatOptions> = {}): WeChat =>
  openWeChat({
    ...credentials,
    baseUrl: 'http://127.0.0.1:9',
    accessTokens: memoryStore(),
    clock: manualClock(),
    random: systemRandom,
    timeout: 5000,
    ...options,
  })

/** A server that answers as it is told to, however wrong. */
export async function hostileServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ baseUrl: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    request.resume()
    answer(request, response)
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
