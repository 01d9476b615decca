import { generateKeyPairSync } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { openConfigFolder } from './config-file.ts'

const folder = openConfigFolder()
afterAll(() => folder.close())
const { load, write } = folder

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})
write('dkim.pem', privateKey)

const email = 'email:\n  from: hufu <no-reply@example.org>\n  smtp:\n    host: smtp.example.org\n'
const aliyun = '  aliyun: { access_key_id: LTAI, sign_name: 虎符, code_templates: { zh-CN: SMS_1 } }\n'
const tencent =
  "  tencent: { secret_id: AKID, sdk_app_id: '1400006666', sign_name: 虎符, code_templates: { en: '1110' } }\n"
const twilio = `  twilio: { account_sid: AC${'0'.repeat(32)}, from: '+14155550100' }\n`
const aliyunSecret = { HUFUD_ALIYUN_ACCESS_KEY_SECRET: 'zq-aliyun-secret' }
const tencentSecret = { HUFUD_TENCENT_SECRET_KEY: 'zq-tencent-secret' }
const twilioSecret = { HUFUD_TWILIO_AUTH_TOKEN: 'zq-twilio-secret' }
const wechat = 'wechat: { app_id: wx0123456789abcdef }\n'
const wechatSecrets = {
  HUFUD_WECHAT_APP_SECRET: '0123456789abcdef0123456789abcdef',
  HUFUD_WECHAT_TOKEN: 'token',
  HUFUD_WECHAT_AES_KEY: 'k'.repeat(43),
}

describe('email', () => {
  test('has sane defaults: STARTTLS on 587, no login', async () => {
    expect((await load(email)).email).toEqual({
      from: 'hufu <no-reply@example.org>',
      replyTo: undefined,
      smtp: {
        host: 'smtp.example.org',
        port: 587,
        security: 'starttls',
        auth: undefined,
        ca: undefined,
        name: undefined,
        connections: 10,
        timeout: 10_000,
      },
      dkim: undefined,
    })
  })

  test.each([
    ['port: 465', { port: 465, security: 'tls' }],
    ['security: tls', { port: 465, security: 'tls' }],
    ['port: 2525', { port: 2525, security: 'starttls' }],
    ['port: 465\n    security: starttls', { port: 465, security: 'starttls' }],
  ])('%s', async (members, expected) => {
    expect((await load(`${email}    ${members}\n`)).email?.smtp).toMatchObject(expected)
  })

  test('a user name means a password; DKIM’s key comes from a file beside the configuration', async () => {
    const yaml = `${email}    username: hufu\n  dkim: { domain: example.org, selector: s1, key_file: dkim.pem }\n`
    const config = await load(yaml, { HUFUD_SMTP_PASSWORD: 'two words' })
    expect(config.email?.smtp.auth).toEqual({ method: 'password', username: 'hufu', password: 'two words' })
    expect(config.email?.dkim).toEqual({ domain: 'example.org', selector: 's1', privateKey })
    expect(config.off).toEqual([])
  })

  test('XOAUTH2 takes a client without a secret, too', async () => {
    const yaml = `${email}    username: a@example.org\n    auth: xoauth2\n    client_id: id\n    token_url: https://login.example.org/token\n`
    const auth = {
      method: 'xoauth2',
      username: 'a@example.org',
      clientId: 'id',
      clientSecret: '',
      refreshToken: 'r',
      tokenUrl: 'https://login.example.org/token',
    }
    expect((await load(yaml, { HUFUD_SMTP_REFRESH_TOKEN: 'r' })).email?.smtp.auth).toEqual(auth)
    const off = await load(yaml, { HUFUD_SMTP_CLIENT_SECRET: 's' })
    expect(off.email).toBeUndefined()
    expect(off.off).toEqual([
      {
        method: 'email',
        provider: 'smtp',
        reason:
          'HUFUD_SMTP_REFRESH_TOKEN is missing. Set it, or HUFUD_SMTP_REFRESH_TOKEN_FILE to a file that holds it.',
      },
    ])
  })
})

describe('text messages', () => {
  test.each([
    [
      'all three',
      aliyun + tencent + twilio,
      [
        { countries: ['+86'], providers: ['aliyun', 'tencent'] },
        { countries: undefined, providers: ['twilio'] },
      ],
    ],
    ['Tencent Cloud alone', tencent, [{ countries: ['+86'], providers: ['tencent'] }]],
    ['Twilio alone', twilio, [{ countries: undefined, providers: ['twilio'] }]],
  ])('without routes: %s', async (_, sections, routes) => {
    expect(
      (await load(`sms:\n${sections}`, { ...aliyunSecret, ...tencentSecret, ...twilioSecret })).sms?.routes,
    ).toEqual(routes)
  })

  test('each provider has its settings, and defaults', async () => {
    const { sms } = await load(
      `origin: https://a.example.org\nsms:\n${aliyun}${tencent}${twilio.replace('}', ', receipts: true }')}`,
      {
        ...aliyunSecret,
        ...tencentSecret,
        ...twilioSecret,
        HUFUD_SMS_RECEIPT_SECRET: 'r'.repeat(22),
      },
    )
    const templates = {
      noticeTemplates: undefined,
      noticeTemplatesWithLink: undefined,
      timeout: 10_000,
      signName: '虎符',
    }
    expect(sms).toMatchObject({
      aliyun: {
        ...templates,
        accessKeyId: 'LTAI',
        accessKeySecret: 'zq-aliyun-secret',
        codeTemplates: { 'zh-CN': 'SMS_1', en: undefined },
        baseUrl: 'https://dysmsapi.aliyuncs.com',
      },
      tencent: {
        ...templates,
        secretId: 'AKID',
        secretKey: 'zq-tencent-secret',
        sdkAppId: '1400006666',
        region: 'ap-guangzhou',
        codeTemplates: { 'zh-CN': undefined, en: '1110' },
        baseUrl: 'https://sms.tencentcloudapi.com',
      },
      twilio: {
        accountSid: `AC${'0'.repeat(32)}`,
        authToken: 'zq-twilio-secret',
        from: '+14155550100',
        statusCallback: 'https://a.example.org/receipts/twilio',
        baseUrl: 'https://api.twilio.com',
        timeout: 10_000,
      },
      receiptSecret: 'r'.repeat(22),
    })
  })

  test('one that lacks its secret is off; its routes stay, so that nobody dearer takes its countries', async () => {
    const config = await load(`sms:\n${aliyun}${twilio}`, twilioSecret)
    expect(config.sms?.aliyun).toBeUndefined()
    expect(config.sms?.routes[0]).toEqual({ countries: ['+86'], providers: ['aliyun'] })
    expect(config.off).toEqual([
      {
        method: 'phone',
        provider: 'aliyun',
        reason: expect.stringMatching(
          /^HUFUD_ALIYUN_ACCESS_KEY_SECRET is missing\. Set it, or HUFUD_ALIYUN_ACCESS_KEY_SECRET_FILE/,
        ),
      },
    ])
    expect((await load(`sms:\n${aliyun}`)).sms).toBeUndefined()
  })

  test('a secret for receipts that can be guessed is off, and is not shown', async () => {
    const config = await load(`sms:\n${twilio}`, { ...twilioSecret, HUFUD_SMS_RECEIPT_SECRET: 'zq-short' })
    expect(config.sms).toMatchObject({ receiptSecret: undefined, twilio: {} })
    expect(config.off).toEqual([
      { method: 'phone', provider: 'receipts', reason: expect.stringMatching(/malformed: 22 to 128/) },
    ])
    expect(JSON.stringify(config.off)).not.toContain('zq-')
  })

  test('a provider that no route leads to is a warning', async () => {
    const config = await load(`sms:\n  routes: [{ providers: [twilio] }]\n${aliyun}${twilio}`, {
      ...aliyunSecret,
      ...twilioSecret,
    })
    expect(config.warnings).toEqual(['sms.aliyun is configured, but no route leads to it.'])
  })
})

describe('WeChat', () => {
  test('has a push in mode qr, and none is needed in mode oauth', async () => {
    expect((await load(wechat, wechatSecrets)).wechat).toMatchObject({
      appId: 'wx0123456789abcdef',
      mode: 'qr',
      token: 'token',
      previousEncodingAesKey: undefined,
      baseUrl: 'https://api.weixin.qq.com',
      authorizeUrl: 'https://open.weixin.qq.com',
      timeout: 5000,
    })
    const { HUFUD_WECHAT_APP_SECRET } = wechatSecrets
    expect((await load(wechat.replace(' }', ', mode: oauth }'), { HUFUD_WECHAT_APP_SECRET })).wechat).toMatchObject({
      mode: 'oauth',
      token: '',
    })
  })

  test('without secrets it is off, and all that is missing is named', async () => {
    const { wechat: none, off } = await load(wechat, { HUFUD_WECHAT_TOKEN: 'zq!' })
    expect(none).toBeUndefined()
    expect(off).toEqual([
      {
        method: 'wechat',
        provider: 'wechat',
        reason:
          'HUFUD_WECHAT_APP_SECRET and HUFUD_WECHAT_AES_KEY are missing. Set each, or the name with _FILE to a file that holds it. HUFUD_WECHAT_TOKEN is malformed: 3 to 32 letters and digits are expected.',
      },
    ])
  })

  test.each([
    ['HUFUD_WECHAT_AES_KEY', `zq${'k'.repeat(42)}`],
    ['HUFUD_WECHAT_AES_KEY', `zq${'k'.repeat(40)}`],
    ['HUFUD_WECHAT_AES_KEY', `zq+${'k'.repeat(40)}`],
    ['HUFUD_WECHAT_APP_SECRET', 'zq secret with blanks'],
    ['HUFUD_WECHAT_PREVIOUS_AES_KEY', 'zq'],
  ])('a malformed %s is off, with a reason that does not show it', async (name, value) => {
    const config = await load(wechat, { ...wechatSecrets, [name]: value })
    expect(config.wechat).toBeUndefined()
    expect(config.off).toEqual([
      { method: 'wechat', provider: 'wechat', reason: expect.stringMatching(new RegExp(`^${name} is malformed: `)) },
    ])
    expect(config.off[0]?.reason).not.toContain('zq')
  })
})

test('a DKIM key that everybody can read is used, and that is said', async () => {
  const yaml = `${email}  dkim: { domain: example.org, selector: s1, key_file: open.pem }\n`
  write('open.pem', privateKey, 0o644)
  const config = await load(yaml)
  expect(config.email?.dkim).toBeDefined()
  expect(config.warnings).toEqual([expect.stringMatching(/^Every user .* email\.dkim\.key_file names/)])
  expect((await load(yaml.replace('open.pem', 'dkim.pem'))).warnings).toEqual([])
})

describe('secrets', () => {
  const one = `${email}    username: hufu\n`

  test('come from files, without the line’s end', async () => {
    const config = await load(one, { HUFUD_SMTP_PASSWORD_FILE: write('password', 'from a file\n') })
    expect(config.email?.smtp.auth).toMatchObject({ password: 'from a file' })
    expect(config.warnings).toEqual([])
  })

  test('in a file that everybody can read are used, and that is said', async () => {
    const config = await load(one, { HUFUD_SMTP_PASSWORD_FILE: write('password', 'zq', 0o644) })
    expect(config.email).toBeDefined()
    expect(config.warnings).toEqual([
      expect.stringMatching(/^Every user of this machine can read the file that HUFUD_SMTP_PASSWORD_FILE names/),
    ])
    expect((await load(one, { HUFUD_SMTP_PASSWORD_FILE: write('password', 'zq', 0o640) })).warnings).toEqual([])
  })

  test.each([
    ['a file that is missing', `${folder.path}/zq-none`, /names a file that does not exist \(ENOENT\)/],
    ['a folder', folder.path, /names something that is no file/],
    ['an empty file', write('empty', '\n'), /The file that HUFUD_SMTP_PASSWORD_FILE names is empty/],
    ['two lines', write('lines', 'a\nb\n'), /malformed: one line/],
  ])('from %s turn the method off', async (_, file, reason) => {
    const config = await load(one, { HUFUD_SMTP_PASSWORD_FILE: file })
    expect(config.email).toBeUndefined()
    expect(config.off).toEqual([{ method: 'email', provider: 'smtp', reason: expect.stringMatching(reason) }])
    expect(config.off[0]?.reason).not.toContain('zq-')
  })

  test('given twice are a mistake', async () => {
    const told = await folder.mistakesOf(one, { HUFUD_SMTP_PASSWORD: 'zq', HUFUD_SMTP_PASSWORD_FILE: 'x' })
    expect(told).toEqual([
      'HUFUD_SMTP_PASSWORD: HUFUD_SMTP_PASSWORD and HUFUD_SMTP_PASSWORD_FILE are both set. Set one of them.',
    ])
  })

  test('whose name is misspelt are noticed', async () => {
    const { warnings } = await load('', { HUFUD_SMTP_PASWORD: 'zq', HUFUD_X: 'zq' })
    expect(warnings).toEqual([
      'HUFUD_SMTP_PASWORD is set, and means nothing to hufud; is HUFUD_SMTP_PASSWORD meant?',
      'HUFUD_X is set, and means nothing to hufud.',
    ])
  })
})

test('notices, metrics, and an empty file', async () => {
  const config = await load("notices: { undo_within_hours: 24 }\nmetrics: { listen: '[::1]:9464' }\n")
  expect(config).toMatchObject({
    policy: { reversalLifetime: 86_400_000 },
    metrics: { host: '::1', port: 9464 },
    warnings: [],
  })
  expect((await load('metrics: { listen: 0.0.0.0:9464 }')).warnings).toEqual([
    expect.stringMatching(/^metrics\.listen is not on this machine alone/),
  ])
  expect(await load('# nothing\n')).toMatchObject({
    metrics: undefined,
    email: undefined,
    sms: undefined,
    off: [],
    policy: { reversalLifetime: 259_200_000 },
  })
})
