// The process of token-processes.test.ts: asks for many QR codes at once when it is told to, and says how that went.

import { once } from 'node:events'
import { systemClock } from '../../../../src/lib/clock.ts'
import { systemRandom } from '../../../../src/lib/random.ts'
import { createSecretKeys } from '../../../../src/server/domain/secret-keys.ts'
import { accessTokenStore } from '../../../../src/server/domain/wechat-access-token.ts'
import { openWeChat } from '../../../../src/server/providers/wechat/official-account.ts'
import { openStoreAt } from '../../../support/store-at.ts'
import { credentials } from './credentials.ts'

const callers = 17

async function run([database = '', baseUrl = '', timeout = '']: string[]): Promise<void> {
  const store = await openStoreAt(database)
  const keys = createSecretKeys(new Uint8Array(32).fill(7), systemRandom)
  const weChat = openWeChat({
    ...credentials,
    baseUrl,
    timeout: Number(timeout),
    accessTokens: accessTokenStore(store, keys, credentials.appId),
    clock: systemClock,
    random: systemRandom,
  })
  process.stdout.write('ready\n')
  await once(process.stdin, 'data')
  const asked = await Promise.allSettled(
    Array.from({ length: callers }, (_, index) => weChat.createQr(`scene-${process.pid}-${index}`, 600)),
  )
  process.stdout.write(`${asked.filter(({ status }) => status === 'fulfilled').length} given\n`)
  await store.close()
  process.exit(0)
}

void run(process.argv.slice(2))
