import { utf8 } from '../../lib/bytes.ts'
import type { Store } from './ports/store.ts'
import type { WeChatAccessTokenStore, WeChatTokenLease } from './ports/wechat.ts'
import type { SecretKeys } from './secret-keys.ts'

/** Keeps the official account's access token in the database, sealed, for every process. */
export function accessTokenStore(store: Store, keys: SecretKeys, appId: string): WeChatAccessTokenStore {
  const name = `wechat_access_token:${appId}`
  const nameOf = (lease: WeChatTokenLease) => `wechat_access_token_${lease}:${appId}`
  return {
    async read(now) {
      const row = await store.read.settings.read(name)
      if (!row || row.expiresAt <= now) return undefined
      return { value: new TextDecoder().decode(keys.open('wechat', name, row.sealedValue)), expiresAt: row.expiresAt }
    },
    write: (value, expiresAt) =>
      store.transaction(queries => queries.settings.write(name, keys.seal('wechat', name, utf8(value)), expiresAt)),
    claim: (lease, holder, until, now) =>
      store.transaction(queries => queries.settings.claim(nameOf(lease), utf8(holder), until, now)),
    release: holder => store.transaction(queries => queries.settings.release(nameOf('refresh'), utf8(holder))),
  }
}
