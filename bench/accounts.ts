import { createECDH, createPrivateKey, type KeyObject } from 'node:crypto'
import pino from 'pino'
import { toBase64url } from '../src/lib/base64url.ts'
import { encodeCbor } from '../src/lib/cbor.ts'
import { systemClock } from '../src/lib/clock.ts'
import { systemRandom } from '../src/lib/random.ts'
import { openServices } from '../src/server/app.ts'
import { loadConfig } from '../src/server/config/load-config.ts'
import { newId } from '../src/server/domain/secret-keys.ts'
import { openSession } from '../src/server/domain/sessions.ts'

/** An account of a database that a hufud serves, with a session. */
export interface BenchAccount {
  readonly username: string
  readonly sessionSecret: string
  /** The 20 bytes of its authenticator app. */
  readonly totpSecret: Uint8Array
  /** ES256, of its security key. */
  readonly privateKey: KeyObject
}

export interface BenchAccounts {
  readonly accounts: readonly BenchAccount[]
  readonly password: string
  readonly passwordHash: string
}

/** An ES256 key pair, the public key as COSE (RFC 9053 section 7.1.1). */
function makeKey(): { privateKey: KeyObject; publicKey: Uint8Array } {
  const pair = createECDH('prime256v1')
  const point = new Uint8Array(pair.generateKeys())
  const [x, y] = [point.slice(1, 33), point.slice(33)]
  const jwk = { kty: 'EC', crv: 'P-256', x: toBase64url(x), y: toBase64url(y), d: pair.getPrivateKey('base64url') }
  const members: [number, number | Uint8Array][] = [
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, x],
    [-3, y],
  ]
  return { privateKey: createPrivateKey({ key: jwk, format: 'jwk' }), publicKey: encodeCbor(new Map(members)) }
}

const password = 'correct horse battery staple'

/**
 * Adds `count` accounts, each with a password, an address, an authenticator app, a security key and a session.
 * @param database its URL, as hufud is given it
 * @param environment what hufud is given beside it
 */
export async function addAccounts(
  database: string,
  count: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<BenchAccounts> {
  const config = loadConfig({ database }, environment)
  const logger = pino({ level: 'silent' })
  const edge = { clock: systemClock, random: systemRandom, logger, version: '0', senders: {} }
  const { services, close } = await openServices(config, edge)
  const { domain } = services
  const passwordHash = await domain.hashing.hash(password)
  const accounts: BenchAccount[] = []
  const now = systemClock.now()
  await domain.store.transaction(async queries => {
    accounts.length = 0
    for (let index = 0; index < count; index++) {
      const username = `bench${index}`
      const account = {
        id: newId(systemRandom),
        username,
        username_key: username,
        password_hash: passwordHash,
        password_set_at: now,
        password_used_at: null,
        phone_number: null,
        phone_bound_at: null,
        phone_used_at: null,
        email_address: `${username}@example.com`,
        email_key: `${username}@example.com`,
        email_bound_at: now,
        email_used_at: null,
        user_handle: systemRandom.bytes(32),
        locale: 'en',
        role: 'person',
        disabled_at: null,
        created_at: now,
      }
      const totpSecret = systemRandom.bytes(20)
      await queries.accounts.insert(account)
      await queries.authenticators.putTotp({
        account_id: account.id,
        sealed_secret: domain.keys.seal('totp', account.id, totpSecret),
        last_step: 0,
        bound_at: now,
        used_at: null,
      })
      const { privateKey, publicKey } = makeKey()
      await queries.authenticators.insertCredential({
        id: newId(systemRandom),
        account_id: account.id,
        credential_id: toBase64url(systemRandom.bytes(32)),
        name: 'Security key 1',
        public_key: publicKey,
        algorithm: -7,
        sign_count: 0,
        aaguid: '00000000-0000-0000-0000-000000000000',
        transports: 'usb',
        backup_eligible: 0,
        backup_state: 0,
        bound_at: now,
        used_at: null,
      })
      const caller = { source: 'bench', client: 'bench', locale: 'en' } as const
      const session = await openSession(domain, queries, account, ['password'], caller)
      accounts.push({ username, sessionSecret: session.session_secret, totpSecret, privateKey })
    }
  })
  await close()
  return { accounts, password, passwordHash }
}
