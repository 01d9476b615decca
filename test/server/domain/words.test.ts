import { describe, expect, test } from 'vitest'
import { fromHex, utf8 } from '../../../src/lib/bytes.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { parseEmailAddress, parsePhoneNumber } from '../../../src/server/domain/contacts.ts'
import { maskEmail, maskOpenid, maskPhone } from '../../../src/server/domain/masks.ts'
import { checkNewPassword } from '../../../src/server/domain/passwords/password-rules.ts'
import { hashRecoveryCode, newRecoveryCodes } from '../../../src/server/domain/recovery-codes.ts'
import { Refusal } from '../../../src/server/domain/refusal.ts'
import { createSecretKeys } from '../../../src/server/domain/secret-keys.ts'
import { base32, matchTotpStep, totpUri } from '../../../src/server/domain/totp.ts'
import { checkUsername, usernameKey } from '../../../src/server/domain/usernames.ts'
import { en, zhCN } from '../../../src/server/messages/catalogues.ts'

const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'accepted'
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error)
  }
}

test.each([
  ['+8613800138000', '138****8000'],
  ['+14155552671', '+14******671'],
  ['+4915112345678', '+49********678'],
])('masks the number %s as %s', (number, mask) => expect(maskPhone(number)).toBe(mask))

test.each([
  ['alice@gmail.com', 'a***e@g***l.com'],
  ['al@x.org', 'a***@x***.org'],
  ['李小龙@例子.中国', '李***龙@例***.中国'],
])('masks the address %s as %s', (address, mask) => expect(maskEmail(address)).toBe(mask))

test('masks a WeChat id', () => expect(maskOpenid('oB6TabcdefghijklmnopqrstUV9p5T')).toBe('oB6T***9p5T'))

const policy = { defaultRegion: 'CN' } as const

test.each([
  ['13800138000', '+8613800138000'],
  ['138 0013 8000', '+8613800138000'],
  ['+86 138-0013-8000', '+8613800138000'],
  ['008613800138000', '+8613800138000'],
  ['+1 415 555 2671', '+14155552671'],
  ['+44 7400 123456', '+447400123456'],
])('reads the number %s as %s', (typed, number) => expect(parsePhoneNumber(typed, policy)).toBe(number))

test.each(['', '12345', '138001380001', '+86 12345678901', '010-62345678', 'call me', '13800138000 ext 5', '+'])(
  'refuses the number %j',
  typed => expect(codeOf(() => parsePhoneNumber(typed, policy))).toBe('phone_number_invalid'),
)

test.each([
  ['a@b.co', 'a@b.co'],
  [' Alice.Smith+x@Example.COM ', 'alice.smith+x@example.com'],
  ['用户@例子.广告', '用户@例子.广告'],
])('compares the address %s as %s', (typed, key) => expect(parseEmailAddress(typed).key).toBe(key))

test.each([
  '',
  'a',
  'a@b',
  '@b.co',
  'a@',
  'a b@c.de',
  'a@b..co',
  'a@-b.co',
  'a@1.2.3.4',
  '"a"@b.co',
  'a@[1.2.3.4]',
  'a\r\nBcc: x@y.zz@b.co',
  `${'a'.repeat(65)}@b.co`,
  'a,b@c.de',
  'x<a@b.co>',
])('refuses the address %j', typed => expect(codeOf(() => parseEmailAddress(typed))).toBe('email_address_invalid'))

test('user names are compared without case and compatibility forms', () => {
  expect(usernameKey('Ａlice')).toBe(usernameKey('alice'))
  expect(checkUsername('王小明')).toBe('王小明')
  for (const bad of ['', ' a', 'a b', '-a', 'a\u202eb', 'a'.repeat(65), 'a\n']) {
    expect(
      codeOf(() => checkUsername(bad)),
      bad,
    ).toBe('username_invalid')
  }
})

describe('new passwords', () => {
  const rules = { minimumLength: 6, secondFactorBound: false }
  const outcome = (password: string) =>
    checkNewPassword(password, rules).then(
      ({ shortPassword }) => (shortPassword ? 'short' : 'good'),
      error => error.code,
    )

  test.each([
    ['12345', 'password_too_short'],
    ['密码密码密', 'password_too_short'],
    ['👩‍🚀👩‍🚀', 'short'],
    ['123456', 'password_too_common'],
    ['PassWord', 'password_too_common'],
    ['iloveyou', 'password_too_common'],
    ['x7#kQ2', 'short'],
    ['correct horse battery', 'good'],
    ['密'.repeat(64), 'good'],
    ['a'.repeat(257), 'password_too_long'],
  ])('%s: %s', async (password, expected) => expect(await outcome(password)).toBe(expected))

  test('beside a second factor eight characters are enough', async () => {
    expect(await checkNewPassword('x7#kQ2pp', { minimumLength: 6, secondFactorBound: true })).toEqual({
      shortPassword: false,
    })
  })
})

describe('TOTP', () => {
  // RFC 6238 appendix B, SHA-1, the last six of eight digits.
  const secret = utf8('12345678901234567890')
  test.each([
    [59, '287082', 1],
    [1_111_111_109, '081804', 37_037_036],
    [1_111_111_111, '050471', 37_037_037],
    [1_234_567_890, '005924', 41_152_263],
    [2_000_000_000, '279037', 66_666_666],
  ])('at %i the code is %s', (seconds, code, step) => {
    expect(matchTotpStep(secret, code, seconds * 1000)).toBe(step)
    expect(matchTotpStep(secret, code, (step + 2) * 30_000 - 1)).toBe(step)
    expect(matchTotpStep(secret, code, (step + 2) * 30_000)).toBeUndefined()
    expect(matchTotpStep(secret, code, (step - 1) * 30_000)).toBe(step)
    if (step > 1) expect(matchTotpStep(secret, code, (step - 1) * 30_000 - 1)).toBeUndefined()
  })

  test('the URI leaves out what apps take for granted', () => {
    // RFC 4648 section 10 has no 20-byte vector; this one was made with coreutils' base32.
    const text = base32(secret)
    expect(text).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
    expect(totpUri('hufu', '王 x', text)).toBe(`otpauth://totp/hufu:%E7%8E%8B%20x?secret=${text}&issuer=hufu`)
  })
})

describe('secret keys', () => {
  const keys = createSecretKeys(fromHex('07'.repeat(32)), systemRandom)
  const sealed = keys.seal('totp', 'account', utf8('seed'))

  test('open what they sealed, for the same purpose and context', () => {
    expect(keys.open('totp', 'account', sealed)).toEqual(utf8('seed'))
    expect(keys.seal('totp', 'account', utf8('seed'))).not.toEqual(sealed)
  })

  test('refuse everything else', () => {
    expect(() => keys.open('totp', 'another', sealed)).toThrow()
    expect(() => keys.open('outbox', 'account', sealed)).toThrow()
    expect(() => createSecretKeys(fromHex('08'.repeat(32)), systemRandom).open('totp', 'account', sealed)).toThrow()
    for (const index of sealed.keys()) {
      const flipped = sealed.map((byte, at) => (at === index ? byte ^ 1 : byte))
      expect(() => keys.open('totp', 'account', flipped)).toThrow()
    }
    expect(() => keys.open('totp', 'account', sealed.subarray(0, 20))).toThrow()
  })

  test('hash parts as parts', () => {
    expect(keys.hashText('code', 'ab', 'c')).not.toBe(keys.hashText('code', 'a', 'bc'))
    expect(keys.hashText('code', 'a')).not.toBe(keys.hashText('value', 'a'))
  })
})

test('recovery codes: ten, different, 80 bits, and read as people type them', () => {
  const keys = createSecretKeys(fromHex('07'.repeat(32)), systemRandom)
  const { codes, rows } = newRecoveryCodes(keys, systemRandom, 'account', 0)
  expect(new Set(codes).size).toBe(10)
  for (const [index, code] of codes.entries()) {
    expect(code).toMatch(/^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){3}$/)
    expect(hashRecoveryCode(keys, 'account', ` ${code.toUpperCase().replaceAll('-', ' ')}`)).toBe(
      rows[index]?.code_hash,
    )
    expect(hashRecoveryCode(keys, 'another', code)).not.toBe(rows[index]?.code_hash)
  }
  expect(hashRecoveryCode(keys, 'a', 'oil0')).toBe(hashRecoveryCode(keys, 'a', '0110'))
})

test('both languages of messages say the same things', () => {
  const placeholders = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map(match => match[1]).sort()
  expect(Object.keys(zhCN)).toEqual(Object.keys(en))
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    const unique = (text: string) => [...new Set(placeholders(text))]
    expect(unique(zhCN[key]), key).toEqual(unique(en[key]))
  }
})
