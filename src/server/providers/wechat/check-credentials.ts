import type { Clock } from '../../../lib/clock.ts'
import { callWeChat, unavailable } from './client.ts'

const operation = 'cgi-bin/stable_token'
const timeout = 10_000
const busyDelay = 1_000

/**
 * Asks WeChat for an access token, and forgets it: whoever uses one keeps their own. In normal mode the call voids
 * none ("Get Stable Access Token").
 * @throws {WeChatError} when the credentials are not taken, or nobody answers
 */
export async function checkCredentials(
  { appId, appSecret, baseUrl }: { readonly appId: string; readonly appSecret: string; readonly baseUrl: string },
  clock: Clock,
): Promise<void> {
  const { access_token: token } = await callWeChat(
    { baseUrl, timeout, busyDelay, clock },
    operation,
    {},
    { grant_type: 'client_credential', appid: appId, secret: appSecret, force_refresh: false },
  )
  if (typeof token !== 'string' || token === '') throw unavailable(operation, 'gave no token')
}
