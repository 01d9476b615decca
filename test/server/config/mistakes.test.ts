import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/server/config/config-error.ts'
import { openConfigFolder } from './config-file.ts'

const folder = openConfigFolder()
afterAll(() => folder.close())
const { mistakesOf } = folder

const smtp = 'email:\n  from: a@example.org\n  smtp:\n    host: localhost\n'
const twilio = `  twilio: { account_sid: AC${'0'.repeat(32)}, from: '+14155550100' }\n`
const aliyun = '  aliyun: { access_key_id: LTAI, sign_name: 虎符, code_templates: { en: SMS_1 } }\n'

folder.write('notes.txt', 'hello')
folder.write(
  'ed25519.pem',
  generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey,
)
folder.write(
  'ec.pem',
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey,
)

describe('a mistake is told with its place and what it should be', () => {
  test.each<[what: string, yaml: string | Uint8Array, ...told: (string | RegExp)[]]>([
    [
      'a number in quotes',
      'minimum_password_length: "8"',
      /this is a text\. Expected: a whole number from 6 to 64\. Take off the quotes\.$/,
    ],
    [
      'a member that is missing, beside others that are wrong',
      'emial: 1\nemail:\n  form: a@example.org\n  smtp: { host: localhost, port: x, security: ssl, usename: a, pasword: b }\n',
      /^hufud\.yaml:1:1: emial: there is no such member; is email meant/,
      /^hufud\.yaml:2:1: email: from is missing/,
      /^hufud\.yaml:3:3: email\.form: there is no such member; is from meant/,
      /^hufud\.yaml:4:28: email\.smtp\.port: this is a text/,
      /^hufud\.yaml:4:37: email\.smtp\.security: this is none that there is/,
      /^hufud\.yaml:4:52: email\.smtp\.usename: there is no such member/,
      /^hufud\.yaml:4:64: email\.smtp\.pasword: /,
    ],
    [
      'a sender with letters beyond ASCII before the @',
      smtp.replace('a@example.org', 'Jörg <jörg@bücher.example>'),
      /^hufud\.yaml:2:3: email\.from: before the @, letters and digits of ASCII alone/,
    ],
    [
      'a DKIM key that mail is not signed with',
      `${smtp}  dkim: { domain: example.org, selector: hufu, key_file: ed25519.pem }\n`,
      /^hufud\.yaml:5:48: email\.dkim\.key_file: this file holds a key of another kind \(ed25519\)/,
    ],
    [
      'a signature in its brackets',
      `sms:\n${aliyun.replace('虎符', '【虎符】')}`,
      /sms\.aliyun\.sign_name: this is not of the right form\..+without the brackets 【】\.$/,
    ],
    [
      'a code that is longer than those that numbers are routed by',
      `sms:\n  routes: [{ countries: ['+1242', '+8613'], providers: [twilio] }]\n${twilio}`,
      /countries\[0\]: \+1242 begins with the calling code \+1, .+ Write '\+1'\.$/,
      /countries\[1\]: \+8613 begins with the calling code \+86, .+ Write '\+86'\.$/,
    ],
    [
      'a line that is indented too far',
      'email:\n  from: a@example.org\n    reply_to: b@example.org\n',
      /^hufud\.yaml:2:9: a section begins on a line of its own.+the next line is not indented further/,
    ],
    [
      'an unknown member',
      'log_level: info\ndatabse: x\n',
      'hufud.yaml:2:1: databse: there is no such member; is database meant?',
    ],
    [
      'one like nothing',
      'listen: { zzz: 1 }',
      'hufud.yaml:1:11: listen.zzz: there is no such member. There are: host, port.',
    ],
    [
      'a wrong type',
      'listen:\n  port: x\n',
      'hufud.yaml:2:3: listen.port: this is a text. Expected: a whole number from 0 to 65535, such as 8420.',
    ],
    ['JSON, too', '{\n  "listen": { "port": "x" }\n}', /^hufud\.yaml:2:15: listen\.port: this is a text/],
    ['nothing', 'origin:\n', /^hufud\.yaml:1:1: origin: this is nothing\. Expected: a text, such as https/],
    [
      'out of range',
      'minimum_password_length: 5',
      'hufud.yaml:1:1: minimum_password_length: this is out of range. Expected: a whole number from 6 to 64.',
    ],
    ['a half number', 'minimum_password_length: 6.5', /this is a number\. Expected: a whole number from 6/],
    [
      'a near choice',
      'log_level: warning',
      'hufud.yaml:1:1: log_level: this is none that there is; is warn meant? Expected: one of debug, info, warn, error.',
    ],
    [
      'a text without quotes',
      `sms:\n  twilio:\n    account_sid: AC${'0'.repeat(32)}\n    from: +14155550100\n`,
      "hufud.yaml:4:5: sms.twilio.from: this is a number. Expected: a text, such as '+14155550100'. Put it in quotes.",
    ],
    [
      'a missing member',
      'email:\n  from: a@example.org\n  smtp: { port: 25 }\n',
      'hufud.yaml:3:3: email.smtp: host is missing. Expected: a text, such as smtp.example.org.',
    ],
    [
      'a whole other file',
      '- a\n- b\n',
      /^hufud\.yaml:1:1: this is a list\. Expected: a section with members: origin, rp_id/,
    ],
    ['a plain text', 'hello', /^hufud\.yaml:1:1: this is a text\. Expected: a section/],
    [
      'an empty list',
      'webauthn: { allowed_aaguids: [] }',
      'hufud.yaml:1:13: webauthn.allowed_aaguids: this is empty. Give at least one, or leave it out.',
    ],
    [
      'an item of a list',
      'webauthn:\n  denied_aaguids:\n    - cb69481e-8ff7-4039-93ec-0a2729a154a8\n    - yubikey\n',
      /^hufud\.yaml:4:7: webauthn\.denied_aaguids\[1\]: this is not of the right form/,
    ],
    [
      'one of a choice of forms',
      'webauthn: { attestation_roots: 5 }',
      /^hufud\.yaml:1:13: webauthn\.attestation_roots: this is a number\. Expected: a text or a list/,
    ],
    [
      'many of a list of texts',
      'webauthn: { attestation_roots: [1, 2, 3, 4, 5, 6, 7, 8, 9] }',
      /^hufud\.yaml:1:13: webauthn\.attestation_roots: this is a list/,
    ],

    [
      'an origin without https',
      'origin: http://accounts.example.org',
      'hufud.yaml:1:1: origin: http://accounts.example.org is not https. Plain http is for this machine alone.',
    ],
    [
      'an origin with a path',
      'origin: https://accounts.example.org/path',
      /^hufud\.yaml:1:1: origin: this is no origin/,
    ],
    [
      'an origin that is an address',
      'origin: https://192.0.2.1',
      /^hufud\.yaml:1:1: origin: security keys sign for a name/,
    ],
    [
      'an RP ID of another domain',
      'origin: https://accounts.example.org\nrp_id: example.com',
      'hufud.yaml:2:1: rp_id: this must be the origin’s host, accounts.example.org, or a domain above it.',
    ],
    [
      'a proxy that is none',
      "trusted_proxies: [10.0.0.0/8, 'fd00::/64', 10.0.0.0/33]",
      /^hufud\.yaml:1:44: trusted_proxies\[2\]: this is no IP address/,
    ],
    [
      'a listener for metrics',
      'metrics: { listen: localhost }',
      /^hufud\.yaml:1:12: metrics\.listen: this is not HOST:PORT/,
    ],
    [
      'further origins',
      'webauthn:\n  origins: [https://a.example.org/path, http://a.example.org, android:apk-key-hash:short]\n  top_origins: [portal.example.org]\n',
      /^hufud\.yaml:2:13: webauthn\.origins\[0\]: this is no origin/,
      /^hufud\.yaml:2:41: webauthn\.origins\[1\]: .* not https/,
      /^hufud\.yaml:2:63: webauthn\.origins\[2\]: this is no origin/,
      /^hufud\.yaml:3:17: webauthn\.top_origins\[0\]/,
    ],
    [
      'models without makers',
      'webauthn: { allowed_aaguids: [cb69481e-8ff7-4039-93ec-0a2729a154a8] }',
      /^hufud\.yaml:1:13: webauthn\.allowed_aaguids: .*attestation_roots/,
    ],
    [
      'a file of roots that is none',
      'webauthn:\n  attestation: direct\n  attestation_roots: none.pem\n',
      /^hufud\.yaml:3:3: webauthn\.attestation_roots: this file does not exist \(ENOENT\)/,
    ],

    [
      'an address that is none',
      'email:\n  from: hufu no-reply\n  smtp: { host: localhost }\n',
      'hufud.yaml:2:3: email.from: this is no address, and no name with one. Like this: hufu <no-reply@example.org>',
    ],
    [
      'a name that would end early',
      'email:\n  from: "a\\" <b@c.org> <d@example.org>"\n  smtp: { host: localhost }\n',
      /^hufud\.yaml:2:3: email\.from: this is no address/,
    ],
    [
      'plain SMTP to elsewhere',
      `${smtp.replace('localhost', 'smtp.example.org')}    security: none\n`,
      'hufud.yaml:5:5: email.smtp.security: none is for a mail server on this machine alone. Set tls or starttls.',
    ],
    [
      'a login without a name',
      `${smtp}    auth: password\n`,
      'hufud.yaml:3:3: email.smtp: username is missing; auth: password needs it.',
    ],
    [
      'XOAUTH2 by halves',
      `${smtp}    auth: xoauth2\n    username: a\n    token_url: http://example.org/token\n`,
      'hufud.yaml:3:3: email.smtp: client_id is missing; auth: xoauth2 needs it.',
      /^hufud\.yaml:7:5: email\.smtp\.token_url: http:\/\/example\.org is not https/,
    ],
    [
      'a DKIM key that is missing',
      `${smtp}  dkim: { domain: example.org, selector: hufu, key_file: dkim.pem }\n`,
      /^hufud\.yaml:5:48: email\.dkim\.key_file: this file does not exist \(ENOENT\)\. A name counts from \S/,
    ],
    [
      'a DKIM key that is none',
      `${smtp}  dkim: { domain: example.org, selector: hufu, key_file: notes.txt }\n`,
      /email\.dkim\.key_file: this file holds no private key/,
    ],
    [
      'a DKIM key that mail can’t be signed with',
      `${smtp}  dkim: { domain: example.org, selector: hufu, key_file: ed25519.pem }\n`,
      /email\.dkim\.key_file: this file holds a key of another kind/,
    ],
    ['a member by the name of one that every object has', 'constructor: 1\n', /constructor: there is no such member/],
    ['a prototype', '__proto__: { port: 1 }\n', /__proto__: there is no such member/],
    [
      'a DKIM key of another kind',
      `${smtp}  dkim: { domain: example.org, selector: hufu, key_file: ec.pem }\n`,
      /email\.dkim\.key_file: this file holds a key of another kind/,
    ],
    [
      'DKIM for another domain',
      `${smtp}  dkim: { domain: example.com, selector: hufu, key_file: notes.txt }\n`,
      /email\.dkim\.domain: this is not the domain of email\.from/,
      /key_file/,
    ],
    [
      'an authority that is none',
      `${smtp}    ca_file: notes.txt\n`,
      /^hufud\.yaml:5:5: email\.smtp\.ca_file: this file holds no certificate/,
    ],

    [
      'no provider at all',
      'sms: {}',
      'hufud.yaml:1:1: sms: no provider is configured here. Give one of aliyun, tencent, twilio.',
    ],
    [
      'a route to one that is not configured',
      `sms:\n  routes: [{ providers: [twilio, aliyun] }]\n${twilio}`,
      'hufud.yaml:2:34: sms.routes[0].providers[1]: aliyun is not configured. Add the section sms.aliyun.',
    ],
    [
      'a provider twice',
      `sms:\n  routes: [{ providers: [twilio, twilio] }]\n${twilio}`,
      /providers: something stands here twice/,
    ],
    [
      'a code of no country',
      `sms:\n  routes: [{ countries: ['+86', '+999'], providers: [twilio] }]\n${twilio}`,
      'hufud.yaml:2:33: sms.routes[0].countries[1]: no country has the calling code +999.',
    ],
    [
      'a country twice',
      `sms:\n  routes:\n    - { countries: ['+86'], providers: [twilio] }\n    - { countries: ['+1', '+86'], providers: [twilio] }\n${twilio}`,
      'hufud.yaml:4:27: sms.routes[1].countries[1]: a route before this one serves +86.',
    ],
    [
      'a route for nobody',
      `sms:\n  routes:\n    - { providers: [twilio] }\n    - { countries: ['+86'], providers: [twilio] }\n${twilio}`,
      /^hufud\.yaml:4:7: sms\.routes\[1\]: a route before this one has no countries/,
    ],
    [
      'a signature with its brackets',
      `sms:\n${aliyun.replace('虎符', '【虎符】')}`,
      /^hufud\.yaml:2:34: sms\.aliyun\.sign_name: this is not of the right form/,
    ],
    ['no template', `sms:\n${aliyun.replace('{ en: SMS_1 }', '{}')}`, /sms\.aliyun\.code_templates: this is empty/],
    [
      'a template of another provider',
      `sms:\n${aliyun.replace('SMS_1', "'1110'")}`,
      /sms\.aliyun\.code_templates\.en: .*SMS_123456789/,
    ],
    [
      'an API in plain text',
      `sms:\n${aliyun.replace('LTAI', 'LTAI, base_url: "http://dysmsapi.aliyuncs.com"')}`,
      /sms\.aliyun\.base_url: .* is not https/,
    ],

    [
      'a WeChat AppID',
      'wechat: { app_id: wx1 }',
      /^hufud\.yaml:1:11: wechat\.app_id: this is not of the right form\. Expected: a text, such as wx0123456789abcdef/,
    ],

    ['a bracket that is missing', 'trusted_proxies: [1.2.3.4\norigin: x', /^hufud\.yaml:2:/],
    ['a tab', 'listen:\n\tport: 1\n', /^hufud\.yaml:2:1: /],
    [
      'a member twice',
      'origin: https://a.example.org\norigin: https://b.example.org',
      'hufud.yaml:2:1: this member stands here twice.',
    ],
    [
      'two documents',
      'log_level: info\n---\nlog_level: warn\n',
      'hufud.yaml:2:1: only one document is expected; take out the line ---.',
    ],
    ['a tag', 'log_level: !env LEVEL', 'hufud.yaml:1:12: tags (!…) have no meaning here.'],
    ['an alias of nothing', 'log_level: *level', /^hufud\.yaml:.*alias/],
    [
      'aliases of aliases',
      `a: &a [x, x, x, x, x, x, x, x, x]\n${['b', 'c', 'd', 'e', 'f'].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcde'[index]}`).join(', ')}]`).join('\n')}\n`,
      /^hufud\.yaml: an alias/,
    ],
    ['brackets without end', '['.repeat(100_000), /^hufud\.yaml:1:\d+: this is nested too deeply/],
    ['bytes that are no text', Uint8Array.of(0xc3, 0x28), 'hufud.yaml: this is not in UTF-8.'],
    [
      'more than 1 MiB',
      `# ${'x'.repeat(1024 * 1024)}`,
      'hufud.yaml: this is larger than 1 MiB, and no configuration of hufud.',
    ],
  ])('%s', async (_what, yaml, ...told) => {
    const found = await mistakesOf(yaml)
    expect(found).toHaveLength(told.length)
    for (const [index, words] of told.entries())
      expect(found[index]).toEqual(typeof words === 'string' ? words : expect.stringMatching(words))
  })

  test('all at once, in the order of the file, and nothing that only follows from another', async () => {
    const found = await mistakesOf(`origin: [1]
rp_id: example.org
listen: { prot: 1, host: 2, port: x }
sms:
  routes:
    - { countries: ['+86'], providers: [aliyn, tencent] }
  aliyun: { access_key_id: LTAI, sign_name: x, code_templates: { fr: SMS_1 } }
  tencent: { secret_id: a }
email: { from: 1, smtp: { hots: x } }
a: 1
b: 1
c: 1
d: 1
wechat: { mode: qrcode }
notices: { undo_within_hours: 0 }
`)
    expect(found.map(line => line.replace(/^hufud\.yaml:(\d+):\d+: ([^:]*): .*$/, '$1 $2'))).toEqual([
      '1 origin',
      '3 listen.prot',
      '3 listen.host',
      '3 listen.port',
      '6 sms.routes[0].providers[0]',
      '7 sms.aliyun.sign_name',
      '7 sms.aliyun.code_templates.fr',
      '8 sms.tencent',
      '8 sms.tencent',
      '8 sms.tencent',
      '9 email.from',
      '9 email.smtp',
      '9 email.smtp.hots',
      '10 a',
      '11 b',
      '12 c',
      '13 d',
      '14 wechat',
      '14 wechat.mode',
      '15 notices.undo_within_hours',
    ])
  })

  test.each([
    ['HUFUD_ORIGIN', 'http://accounts.example.org', /^HUFUD_ORIGIN: .* not https/],
    ['HUFUD_LISTEN', 'x', /^HUFUD_LISTEN: this is not HOST:PORT/],
    ['HUFUD_LISTEN', '127.0.0.1:65536', /^HUFUD_LISTEN/],
    ['HUFUD_LOG_LEVEL', 'loud', /^HUFUD_LOG_LEVEL: one of/],
    ['HUFUD_DATABASE', 'mysql://u:zq-secret@h/d', /^HUFUD_DATABASE: mysql: is not supported/],
  ])('a wrong %s is told by its name', async (name, value, words) => {
    const [told, ...others] = await mistakesOf('', { [name]: value })
    expect(told).toMatch(words)
    expect(told).not.toContain('zq-')
    expect(others).toEqual([])
  })

  test('a file that is missing, or a folder', async () => {
    const { readConfig } = await import('../../../src/server/config/load-config.ts')
    for (const [path, words] of [
      ['none.yaml', /none\.yaml: this file does not exist \(ENOENT\)/],
      ['', /this is no file/],
    ] as const) {
      await expect(readConfig({ config: `${folder.path}/${path}` }, {})).rejects.toThrow(words)
    }
  })
})

describe('a secret in the file is refused, with where it belongs', () => {
  test.each([
    [
      'email: { from: a@example.org, smtp: { host: localhost, password: zq-1 } }',
      'email.smtp.password',
      'HUFUD_SMTP_PASSWORD',
    ],
    [
      `sms: { aliyun: { access_key_id: a, access_key_secret: zq-1, sign_name: 虎符, code_templates: { en: SMS_1 } } }`,
      'sms.aliyun.access_key_secret',
      'HUFUD_ALIYUN_ACCESS_KEY_SECRET',
    ],
    [
      `sms: { twilio: { account_sid: AC${'0'.repeat(32)}, from: '+14155550100', auth_token: zq-1 } }`,
      'sms.twilio.auth_token',
      'HUFUD_TWILIO_AUTH_TOKEN',
    ],
    ['wechat: { app_id: wx0123456789abcdef, aes_key: zq-1 }', 'wechat.aes_key', 'HUFUD_WECHAT_AES_KEY'],
  ])('%s', async (yaml, member, variable) => {
    const [told, ...others] = await mistakesOf(yaml)
    expect(told).toContain(`${member}: secrets are not in this file; they come from ${variable} or ${variable}_FILE.`)
    expect(told).not.toContain('zq-')
    expect(others).toEqual([])
  })

  test('one that is unknown, too; and a key where its file is expected', async () => {
    expect(await mistakesOf('database_password: zq-1')).toEqual([
      expect.stringMatching(/come from HUFUD_… or HUFUD_…_FILE/),
    ])
    const pem = JSON.stringify('-----BEGIN PRIVATE KEY-----zq-1')
    const found = await mistakesOf(`${smtp}  dkim: { domain: example.org, selector: a, key_file: ${pem} }\n`)
    expect(found).toEqual([expect.stringMatching(/this is the file’s content; its name is expected/)])
  })
})

const marked = fc.string({ maxLength: 12 }).map(text => `zq-secret${text}`)
const names = fc.oneof(
  fc.constantFrom(
    'email',
    'smtp',
    'sms',
    'wechat',
    'from',
    'host',
    'password',
    'routes',
    'providers',
    'twilio',
    'origin',
    'webauthn',
    'origins',
    'metrics',
    'listen',
    '__proto__',
    'constructor',
    'a/b~c',
    'app_id',
    'database',
    'rp_id',
    'attestation_roots',
    'dkim',
    'key_file',
    'trusted_proxies',
  ),
  fc.string({ maxLength: 8 }),
)
const { tree } = fc.letrec(tie => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(marked, fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(names, tie('tree'), { maxKeys: 6 }),
  ),
}))

describe('whatever the file holds', () => {
  test('nothing but a ConfigError is thrown, and it repeats no value', async () => {
    await fc.assert(
      fc.asyncProperty(tree, async value => {
        for (const line of await mistakesOf(JSON.stringify(value))) expect(line).not.toContain('zq-secret')
      }),
      { numRuns: 400 },
    )
  })

  test('of no YAML, either', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 60 }),
          fc.string({ unit: fc.constantFrom(...'ab:-[]{}&*!|>\'"#%@ \n\t?,~'), maxLength: 40 }),
        ),
        async text => {
          for (const line of await mistakesOf(text)) expect(line).toMatch(/^hufud\.yaml/)
        },
      ),
      { numRuns: 400 },
    )
  })

  test('an error of many lines is one ConfigError with as many mistakes', async () => {
    const error = await folder.load('a: 1\nb: 2\n').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).mistakes).toMatchObject([
      { line: 1, column: 1, path: 'a' },
      { line: 2, path: 'b' },
    ])
  })
})
