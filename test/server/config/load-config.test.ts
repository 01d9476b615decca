import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import { ConfigError, loadConfig } from '../../../src/server/config/load-config.ts'
import { loadSecretKey } from '../../../src/server/secret-key-file.ts'
import { rootCertificate } from '../../support/webauthn-attestation.ts'

const aaguid = '00112233-4455-6677-8899-aabbccddeeff'
const bothLists = { allowed_aaguids: [aaguid], denied_aaguids: [aaguid.toUpperCase()] }
const pem = new X509Certificate(rootCertificate).toString()

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-config-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (content: unknown, name = 'config.json'): string => {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}
const mistake = (work: () => unknown): string => {
  try {
    work()
    return 'no mistake'
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

describe('the configuration', () => {
  test('has defaults: loopback, a file of one’s own, the number of cores', () => {
    const config = loadConfig({}, { HOME: '/home/a' })
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 8420,
      databasePath: '/home/a/.local/share/hufud/hufud.db',
      secretKey: { file: '/home/a/.local/share/hufud/hufud.db.key' },
      policy: { origins: ['http://localhost:8420'], rpId: 'localhost', minimumPasswordLength: 6 },
      wechat: undefined,
    })
    expect(config.hashConcurrency).toBeGreaterThanOrEqual(1)
  })

  test('options come before the environment, the environment before the file', () => {
    const config = file({ database: 'sqlite:/file', origin: 'https://a.example.org', rp_id: 'example.org' })
    expect(loadConfig({ config }, {})).toMatchObject({ databasePath: '/file', policy: { rpId: 'example.org' } })
    const env = { HUFUD_DATABASE: 'sqlite:/env', HUFUD_CONFIG: config }
    expect(loadConfig({}, env).databasePath).toBe('/env')
    expect(loadConfig({ database: 'sqlite:/option' }, env).databasePath).toBe('/option')
  })

  test('the origin has the port that is listened on', () => {
    expect(loadConfig({ port: 18420 }, {})).toMatchObject({
      port: 18420,
      policy: { origins: ['http://localhost:18420'] },
    })
  })

  test.each([
    ['{', /no JSON/],
    [{ databse: 'sqlite:x' }, /not a hufud configuration/],
    [{ listen: { port: 'x' } }, /\/listen\/port/],
    [{ minimum_password_length: 5 }, /\/minimum_password_length/],
    [{ origin: 'http://accounts.example.org' }, /not https/],
    [{ origin: 'https://accounts.example.org/path' }, /no origin/],
    [{ origin: 'https://accounts.example.org', rp_id: 'example.com' }, /rp_id/],
    [{ origin: 'https://192.0.2.1', rp_id: '192.0.2.1' }, /rp_id/],
    [{ wechat: { app_id: 'wx1' } }, /HUFUD_WECHAT_APP_SECRET/],
    [{ webauthn: { attestation: 'yes' } }, /\/webauthn\/attestation/],
    [{ webauthn: { user_verification: true } }, /\/webauthn\/user_verification/],
    [{ webauthn: { roots: 'a.pem' } }, /\/webauthn/],
    [{ webauthn: { denied_aaguids: ['yubikey'] } }, /\/webauthn\/denied_aaguids\/0/],
    [{ webauthn: { allowed_aaguids: [] } }, /\/webauthn\/allowed_aaguids/],
    [{ webauthn: { origins: ['https://a.example.org/path'] } }, /^webauthn\.origins: .* no origin/],
    [{ webauthn: { origins: ['http://a.example.org'] } }, /^webauthn\.origins: .* not https/],
    [{ webauthn: { origins: ['android:apk-key-hash:short'] } }, /^webauthn\.origins: android/],
    [{ webauthn: { top_origins: ['portal.example.org'] } }, /^webauthn\.top_origins: portal/],
    [{ webauthn: { allowed_aaguids: [aaguid] } }, /^webauthn\.allowed_aaguids: .*attestation_roots/],
    [
      { webauthn: { attestation: 'direct', attestation_roots: 'none.pem' } },
      /^webauthn\.attestation_roots: .*none\.pem/,
    ],
  ])('%j is a mistake that is named', (content, words) => {
    const config = file(content)
    expect(mistake(() => loadConfig({ config }, {}))).toMatch(words)
  })

  test('security keys are asked for nothing, and nothing of them is refused, by default', () => {
    expect(loadConfig({}, {}).policy.webauthn).toEqual({
      attestation: 'none',
      trustedRoots: undefined,
      userVerification: 'preferred',
      allowedAaguids: undefined,
      deniedAaguids: [],
      topOrigins: [],
    })
  })

  test('attestation roots are read from files beside the configuration', () => {
    file(`the root\n${pem}${pem}`, 'roots.pem')
    file(pem, 'more.pem')
    const config = file({
      origin: 'https://accounts.example.org',
      webauthn: {
        attestation: 'enterprise',
        attestation_roots: ['roots.pem', 'more.pem'],
        user_verification: 'required',
        allowed_aaguids: [aaguid.toUpperCase()],
        denied_aaguids: ['00000000-0000-0000-0000-000000000000'],
        origins: ['https://www.example.org', `android:apk-key-hash:${'A'.repeat(43)}`],
        top_origins: ['https://portal.example.net'],
      },
    })
    const { policy } = loadConfig({ config }, {})
    expect(policy.origins).toEqual([
      'https://accounts.example.org',
      'https://www.example.org',
      `android:apk-key-hash:${'A'.repeat(43)}`,
    ])
    expect(policy.webauthn).toMatchObject({
      attestation: 'enterprise',
      userVerification: 'required',
      allowedAaguids: [aaguid],
      deniedAaguids: ['00000000-0000-0000-0000-000000000000'],
      topOrigins: ['https://portal.example.net'],
    })
    expect(policy.webauthn.trustedRoots?.map(({ raw }) => raw)).toEqual([1, 2, 3].map(() => rootCertificate))
  })

  test.each([
    ['no certificate', 'hello', { attestation: 'direct' }, /roots\.pem holds no certificate/],
    ['a broken certificate', pem.replace('MII', 'MIJ'), { attestation: 'direct' }, /certificate 1 can't be read/],
    ['a second one cut short', `${pem}${pem.slice(0, 300)}`, { attestation: 'direct' }, /cut short/],
    ['keys that say nothing', pem, {}, /attestation is none/],
    ['a model in both lists', pem, { attestation: 'direct', ...bothLists }, /^webauthn\.denied_aaguids: 00112233/],
  ])('attestation roots with %s are a mistake that is named', (_, content, members, words) => {
    file(content, 'roots.pem')
    const config = file({ webauthn: { attestation_roots: 'roots.pem', ...members } })
    expect(mistake(() => loadConfig({ config }, {}))).toMatch(words)
  })

  test('a database of another kind is refused without repeating its address', () => {
    const message = mistake(() => loadConfig({ database: 'postgres://u:zq-secret@h/d' }, {}))
    expect(message).toMatch(/^database: postgres: is not supported/)
    expect(message).not.toContain('zq-secret')
  })

  test('secrets come from files, too', () => {
    const config = file({ wechat: { app_id: 'wx1' } })
    const env = {
      HUFUD_WECHAT_APP_SECRET_FILE: file('from a file\n', 'secret'),
      HUFUD_WECHAT_TOKEN: 't',
      HUFUD_WECHAT_AES_KEY: 'k',
    }
    expect(loadConfig({ config }, env).wechat).toMatchObject({ appSecret: 'from a file', token: 't' })
    const missing = { ...env, HUFUD_WECHAT_APP_SECRET_FILE: join(folder, 'none') }
    expect(mistake(() => loadConfig({ config }, missing))).toMatch(/HUFUD_WECHAT_APP_SECRET_FILE.*none/)
  })
})

describe('the secret key', () => {
  test('is made once, for its owner alone, and found again', () => {
    const path = join(folder, 'new', 'key')
    const key = loadSecretKey({ file: path }, systemRandom)
    expect(key).toHaveLength(32)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(loadSecretKey({ file: path }, systemRandom)).toEqual(key)
  })

  test('is refused where others can read it, and the mend is said', () => {
    const path = join(folder, 'open-key')
    loadSecretKey({ file: path }, systemRandom)
    chmodSync(path, 0o644)
    expect(mistake(() => loadSecretKey({ file: path }, systemRandom))).toBe(
      `Others can read the key file ${path}. Run: chmod 600 ${path}`,
    )
  })

  test('is refused when it is none, without being repeated', () => {
    const path = file('zq-not-a-key', 'bad-key')
    chmodSync(path, 0o600)
    for (const source of [{ file: path }, { text: 'zq-not-a-key' }]) {
      const message = mistake(() => loadSecretKey(source, systemRandom))
      expect(message).toMatch(/32 bytes in base64url/)
      expect(message).not.toContain('zq-')
    }
  })
})
