import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import { ConfigError, loadConfig, readConfig } from '../../../src/server/config/load-config.ts'
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
const mistake = async (work: () => unknown): Promise<string> => {
  try {
    await work()
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
      database: { engine: 'sqlite', path: '/home/a/.local/share/hufud/hufud.db' },
      secretKey: { file: '/home/a/.local/share/hufud/hufud.db.key' },
      policy: { origins: ['http://localhost:8420'], rpId: 'localhost', minimumPasswordLength: 6 },
      wechat: undefined,
    })
    expect(config.hashConcurrency).toBeGreaterThanOrEqual(1)
  })

  test('options come before the environment, the environment before the file', async () => {
    const config = file({ database: 'sqlite:/file', origin: 'https://a.example.org', rp_id: 'example.org' })
    expect(await readConfig({ config }, {})).toMatchObject({
      database: { path: '/file' },
      policy: { rpId: 'example.org' },
    })
    const env = { HUFUD_DATABASE: 'sqlite:/env', HUFUD_CONFIG: config }
    expect((await readConfig({}, env)).database).toMatchObject({ path: '/env' })
    expect((await readConfig({ database: 'sqlite:/option' }, env)).database).toMatchObject({ path: '/option' })
  })

  test('the origin has the port that is listened on', () => {
    expect(loadConfig({ port: 18420 }, {})).toMatchObject({
      port: 18420,
      policy: { origins: ['http://localhost:18420'] },
    })
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

  test('attestation roots are read from files beside the configuration', async () => {
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
    const { policy } = await readConfig({ config }, {})
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
    [
      'no certificate',
      'hello',
      { attestation: 'direct' },
      /: webauthn\.attestation_roots: this file holds no certificate/,
    ],
    [
      'a broken certificate',
      pem.replace('MII', 'MIJ'),
      { attestation: 'direct' },
      /certificate 1 of this file can’t be read/,
    ],
    ['a second one cut short', `${pem}${pem.slice(0, 300)}`, { attestation: 'direct' }, /cut short/],
    ['keys that say nothing', pem, {}, /attestation is none/],
    [
      'a model in both lists',
      pem,
      { attestation: 'direct', ...bothLists },
      /: webauthn\.denied_aaguids\[0\]: 00112233/,
    ],
  ])('attestation roots with %s are a mistake that is named', async (_, content, members, words) => {
    file(content, 'roots.pem')
    const config = file({ webauthn: { attestation_roots: 'roots.pem', ...members } })
    expect(await mistake(() => readConfig({ config }, {}))).toMatch(words)
  })

  test('a database of another kind is refused without repeating its address', async () => {
    const message = await mistake(() => loadConfig({ database: 'mysql://u:zq-secret@h/d' }, {}))
    expect(message).toMatch(/^--database: mysql: is not supported/)
    expect(message).not.toContain('zq-secret')
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

  test('is refused where others can read it, and the mend is said', async () => {
    const path = join(folder, 'open-key')
    loadSecretKey({ file: path }, systemRandom)
    chmodSync(path, 0o644)
    expect(await mistake(() => loadSecretKey({ file: path }, systemRandom))).toBe(
      `Others can read the key file ${path}. Run: chmod 600 ${path}`,
    )
  })

  test('is refused when it is none, without being repeated', async () => {
    const path = file('zq-not-a-key', 'bad-key')
    chmodSync(path, 0o600)
    for (const source of [{ file: path }, { text: 'zq-not-a-key' }]) {
      const message = await mistake(() => loadSecretKey(source, systemRandom))
      expect(message).toMatch(/32 bytes in base64url/)
      expect(message).not.toContain('zq-')
    }
  })
})
