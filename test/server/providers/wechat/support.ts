import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemRandom } from '../../../../src/lib/random.ts'
import type { WeChat, WeChatAccessToken, WeChatAccessTokenStore } from '../../../../src/server/domain/ports/wechat.ts'
import { openWeChat, type WeChatOptions } from '../../../../src/server/providers/wechat/official-account.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { credentials } from './credentials.ts'

export { credentials }

export const otherKey = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'

/** Leases in memory. */
export function memoryLeases(): Pick<WeChatAccessTokenStore, 'claim' | 'release'> {
  const leases = new Map<string, { holder: string; until: number }>()
  return {
    async claim(lease, holder, until, now) {
      if ((leases.get(lease)?.until ?? 0) > now) return false
      leases.set(lease, { holder, until })
      return true
    },
    async release(holder) {
      if (leases.get('refresh')?.holder === holder) leases.delete('refresh')
    },
  }
}

/** A store that answers from memory, whatever the time. */
export function memoryStore(initial?: WeChatAccessToken): WeChatAccessTokenStore & { writes: WeChatAccessToken[] } {
  let token = initial
  const writes: WeChatAccessToken[] = []
  return {
    ...memoryLeases(),
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
    answer(request, response)
    if (!request.readableFlowing) request.resume()
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
