import { describe, expect, it } from 'vitest'
import { ApiError } from '../../src/api/errors.ts'
import { MessageFailedError } from '../../src/auth/errors.ts'
import { explainError } from '../../src/cli/errors.ts'
import { run as bindEmail } from '../../src/commands/bind/email.ts'
import { run as bindPhone } from '../../src/commands/bind/phone.ts'
import { run as bindTotp } from '../../src/commands/bind/totp.ts'
import { run as bindWeChat } from '../../src/commands/bind/wechat.ts'
import { run as log } from '../../src/commands/log.ts'
import { run as logout } from '../../src/commands/logout.ts'
import { run as passwd } from '../../src/commands/passwd.ts'
import { run as recoveryCodes } from '../../src/commands/recovery-codes.ts'
import { revoke } from '../../src/commands/sessions.ts'
import { run as status } from '../../src/commands/status.ts'
import { run as unbind } from '../../src/commands/unbind.ts'
import { listEvents, readOverview, type SecurityItemState } from '../../src/contract/account.ts'
import * as bindings from '../../src/contract/bindings.ts'
import { changePassword, createRecoveryCodes } from '../../src/contract/credentials.ts'
import { revokeSession, revokeSessions } from '../../src/contract/sessions.ts'
import { ScriptedInteraction } from '../auth/scripted-interaction.ts'
import { type FakeApiClient, refusal } from '../support/fake-api-client.ts'
import { fakeContext, id, proof, time, typed } from './fake-context.ts'

const params = { binding_id: id }
const sent = {
  channel: 'phone',
  destination: '+8613800138000',
  expires_at: time,
  resend_at: time,
  message_id: 'M'.repeat(22),
} as const
const keys = ['Tiger', 'Tally'].map(name => ({ id: name.padEnd(22, 'x'), name, bound_at: time, last_used_at: null }))
const item = (name: SecurityItemState['item'], more: Partial<SecurityItemState> = {}): SecurityItemState => ({
  item: name,
  set: false,
  value: null,
  bound_at: null,
  last_used_at: null,
  keys: [],
  ...more,
})
const overview = {
  username: 'alice',
  items: [
    item('password', { set: true, bound_at: time }),
    item('phone', { set: true, value: '138****8000', bound_at: time, last_used_at: time }),
    item('email', { set: true, value: 'a***e@g***l.com', bound_at: time }),
    item('totp'),
    item('wechat'),
    item('webauthn', { set: true, keys, bound_at: time }),
  ],
  recovery_codes_left: 1,
  session: { id, expires_at: time },
}

describe('a message that failed', () => {
  const lost = () => new MessageFailedError('phone', 'refused')
  const pendingOf = (destination: string) => ({ binding_id: id, code: { ...sent, destination } })
  const begin = (phone_number: string) => ({ body: { phone_number }, proof })
  const finished = { item: 'phone', value: '138****8001', replaced: false } as const

  it('has a typed number typed again', async () => {
    const interaction = new ScriptedInteraction(lost(), '123456')
    const input = { canRetry: true, phoneNumber: typed(['+8613800138000', '+8613800138001']) }
    const { context, api, stderr } = await fakeContext({ interaction, input })
    api.expects(bindings.beginPhoneBinding, begin('+8613800138000'), pendingOf('+8613800138000'))
    api.expects(bindings.beginPhoneBinding, begin('+8613800138001'), pendingOf('+8613800138001'))
    api.expects(bindings.finishCodeBinding, { params, body: { code: '123456' } }, finished)
    await bindPhone(context, { phoneNumber: undefined })
    api.verifyAllCalled()
    expect(stderr()).toContain('The message could not be sent: this number or address takes no messages.')
  })

  it('lets a person have another code sent to a number that was given', async () => {
    const interaction = new ScriptedInteraction(lost(), { resendThen: '123456' })
    const { context, api, stderr } = await fakeContext({ interaction })
    api.expects(bindings.beginPhoneBinding, begin('+8613800138001'), pendingOf('+8613800138001'))
    api.expects(bindings.resendBindingCode, { params }, pendingOf('+8613800138001'))
    api.expects(bindings.finishCodeBinding, { params, body: { code: '123456' } }, finished)
    await bindPhone(context, { phoneNumber: '+8613800138001' })
    api.verifyAllCalled()
    expect(stderr()).toContain('The message could not be sent')
  })

  it('ends a script', async () => {
    const interaction = new ScriptedInteraction(lost())
    interaction.canRetry = false
    const { context, api } = await fakeContext({ interaction })
    api.expects(bindings.beginPhoneBinding, begin('+8613800138001'), pendingOf('+8613800138001'))
    await expect(bindPhone(context, { phoneNumber: '+8613800138001' })).rejects.toMatchObject({
      code: 'message_failed',
    })
    api.verifyAllCalled()
  })
})

describe('hufu passwd', () => {
  it('asks for another password with the same proof when the first is weak', async () => {
    const input = { canRetry: true, newPassword: typed(['123456', 'two halves match']) }
    const { context, api, stdout, stderr, stepUps } = await fakeContext({ input })
    const call = (new_password: string) => ({ body: { new_password }, proof })
    api.expects(changePassword, call('123456'), refusal('password_too_common'))
    api.expects(changePassword, call('two halves match'), { sessions_revoked: 2, short_password: false })
    await passwd(context, { linkFile: undefined })
    api.verifyAllCalled()
    expect(stepUps).toEqual(['password.change'])
    expect(stderr()).toContain('guessed first')
    expect(stdout()).toBe('✓ Your password has been changed.\n2 other sessions were ended.\n')
  })

  it('ends with the refusal when nobody is there to type another', async () => {
    const { context, api } = await fakeContext({ input: { canRetry: false, newPassword: async () => '123456' } })
    api.expects(changePassword, { body: { new_password: '123456' }, proof }, refusal('password_too_common'))
    await expect(passwd(context, { linkFile: undefined })).rejects.toMatchObject({ code: 'password_too_common' })
  })
})

describe('hufu bind', () => {
  it('phone: sends a code to the new number, takes a wrong code twice, says what is bound', async () => {
    const interaction = new ScriptedInteraction('000000', '123456')
    const { context, api, stdout, stepUps } = await fakeContext({ interaction })
    const body = { phone_number: '+8613800138000' }
    api.expects(bindings.beginPhoneBinding, { body, proof }, { binding_id: id, code: sent })
    api.expects(bindings.finishCodeBinding, { params, body: { code: '000000' } }, refusal('code_incorrect'))
    const bound = { item: 'phone', value: '138****8000', replaced: true } as const
    api.expects(bindings.finishCodeBinding, { params, body: { code: '123456' } }, bound)
    await bindPhone(context, { phoneNumber: '+8613800138000' })
    api.verifyAllCalled()
    expect(stepUps).toEqual(['phone.bind +8613800138000'])
    expect(stdout()).toBe('✓ Phone: 138****8000 is bound; the old one no longer works.\n')
  })

  it('phone: sends another code by itself when the first has expired', async () => {
    const interaction = new ScriptedInteraction('000000', '123456')
    const { context, api } = await fakeContext({ interaction })
    const pending = { binding_id: id, code: sent }
    api.expects(bindings.beginPhoneBinding, { body: { phone_number: '1' }, proof }, pending)
    api.expects(bindings.finishCodeBinding, { params, body: { code: '000000' } }, refusal('code_expired'))
    api.expects(bindings.resendBindingCode, { params }, pending)
    const bound = { item: 'phone', value: null, replaced: false } as const
    api.expects(bindings.finishCodeBinding, { params, body: { code: '123456' } }, bound)
    await bindPhone(context, { phoneNumber: '1' })
    api.verifyAllCalled()
  })

  it('phone: asks for another number with the same proof when the country of the first is not served', async () => {
    const input = { canRetry: true, phoneNumber: typed(['+4915112345678', '+8613800138000']) }
    const { context, api, stderr, stepUps } = await fakeContext({
      input,
      interaction: new ScriptedInteraction('123456'),
    })
    const call = (phone_number: string) => ({ body: { phone_number }, proof })
    api.expects(bindings.beginPhoneBinding, call('+4915112345678'), refusal('phone_country_unserved'))
    api.expects(bindings.beginPhoneBinding, call('+8613800138000'), { binding_id: id, code: sent })
    const bound = { item: 'phone', value: '138****8000', replaced: false } as const
    api.expects(bindings.finishCodeBinding, { params, body: { code: '123456' } }, bound)
    await bindPhone(context, { phoneNumber: undefined })
    api.verifyAllCalled()
    expect(stepUps).toEqual(['phone.bind'])
    expect(stderr()).toContain('sends no text messages to that country')
  })

  it('phone: ends where the country is not served and nobody is there to type another number', async () => {
    const { context, api } = await fakeContext({ input: { canRetry: false } })
    const body = { phone_number: '+4915112345678' }
    api.expects(bindings.beginPhoneBinding, { body, proof }, refusal('phone_country_unserved'))
    const binding = bindPhone(context, { phoneNumber: '+4915112345678' })
    await expect(binding).rejects.toMatchObject({ code: 'phone_country_unserved' })
  })

  it('email: asks for another address with the same proof when the first is none', async () => {
    const input = { canRetry: true, emailAddress: typed(['a@b', 'a@example.org']) }
    const { context, api, stepUps } = await fakeContext({ input, interaction: new ScriptedInteraction('123456') })
    const code = { ...sent, channel: 'email', destination: 'a@example.org' } as const
    api.expects(bindings.beginEmailBinding, { body: { email_address: 'a@b' }, proof }, refusal('email_address_invalid'))
    api.expects(
      bindings.beginEmailBinding,
      { body: { email_address: 'a@example.org' }, proof },
      { binding_id: id, code },
    )
    const bound = { item: 'email', value: 'a***@e***e.org', replaced: false } as const
    api.expects(bindings.finishCodeBinding, { params, body: { code: '123456' } }, bound)
    await bindEmail(context, { emailAddress: undefined })
    api.verifyAllCalled()
    expect(stepUps).toEqual(['email.bind'])
  })

  it('totp: tells the QR code, its secret and nothing that is not JSON', async () => {
    const interaction = new ScriptedInteraction('123456')
    const { context, api, stdout, stderr } = await fakeContext({ interaction, terminal: { json: true } })
    const secret = 'W4APABMGNDSDQ5MFT5BXFUPBSPOLKRMV'
    const uri = `otpauth://totp/hufu:a?secret=${secret}&issuer=hufu`
    api.expects(bindings.beginTotpBinding, { proof }, { binding_id: id, expires_at: time, uri, secret })
    const bound = { item: 'totp', value: null, replaced: false } as const
    api.expects(bindings.finishCodeBinding, { params, body: { code: '123456' } }, bound)
    await bindTotp(context)
    const lines = stdout()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines).toEqual([
      { event: 'qr', item: 'totp', payload: uri, secret, expires_at: time },
      { event: 'result', ok: true, item: 'totp', value: null, replaced: false },
    ])
    expect(stderr()).toContain('W4AP ABMG NDSD Q5MF')
  })

  const qr = (n: number) => ({ payload: `https://w/${n}`, expires_at: `2026-11-22T13:05:0${n}.000Z` })
  const waiting = (n: number) => ({
    state: 'waiting' as const,
    confirm: 'none' as const,
    problem: null,
    value: null,
    replaced: false,
    expires_at: '2026-11-22T13:15:00.000Z',
    qr_expires_at: qr(n).expires_at,
  })

  it('wechat: renews a QR code that expires, and ends by itself when it is scanned', async () => {
    const { context, api, stdout } = await fakeContext({ terminal: { json: true } })
    api.expects(
      bindings.beginWeChatBinding,
      { proof },
      { binding_id: id, expires_at: time, qr: qr(1), confirm: 'none' },
    )
    api.expects(bindings.readWeChatBinding, { params }, waiting(1))
    api.expects(bindings.readWeChatBinding, { params }, waiting(1))
    api.expects(bindings.renewWeChatQr, { params }, { qr: qr(9) })
    api.expects(bindings.readWeChatBinding, { params }, waiting(9))
    api.expects(
      bindings.readWeChatBinding,
      { params },
      { ...waiting(9), state: 'bound', value: 'Tiger', replaced: true },
    )
    await bindWeChat(context)
    api.verifyAllCalled()
    const events = stdout()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(events.map(({ event, payload }) => [event, payload])).toEqual([
      ['qr', 'https://w/1'],
      ['qr', 'https://w/9'],
      ['scanned', undefined],
      ['result', undefined],
    ])
  })

  const begins = (api: FakeApiClient, confirm: 'none' | 'code' = 'none') =>
    api.expects(
      bindings.beginWeChatBinding,
      { proof },
      { binding_id: id, expires_at: '2026-11-22T13:15:00.000Z', qr: qr(5), confirm },
    )

  it.each([
    ['expired', null, 'scan_timeout', 8],
    ['refused', 'already_bound', 'already_bound', 5],
    ['refused', 'bound_elsewhere', 'bound_elsewhere', 5],
    ['refused', 'proof_used', 'scan_refused', 5],
    ['refused', 'declined', 'scan_declined', 5],
    ['refused', 'snapshot_user', 'scan_snapshot_user', 5],
  ] as const)('wechat: %s by %s is %s, with words of its own', async (state, problem, code, exit) => {
    for (const language of ['en', 'zh-CN'] as const) {
      const { context, api, terminal } = await fakeContext({ terminal: { language } })
      begins(api)
      api.expects(bindings.readWeChatBinding, { params }, { ...waiting(5), state, problem })
      const error: unknown = await bindWeChat(context).catch((reason: unknown) => reason)
      const explained = explainError(error, { terminal, server: '', now: 0, verbose: false })
      expect(explained).toMatchObject({ code, exit })
      expect(explained.message).toMatch(language === 'en' ? /WeChat|QR code/ : /微信|二维码|扫码/)
      expect(explained.next).toMatch(/hufu bind wechat/)
    }
  })

  it('wechat: asks again while the server does not answer, and half a minute at most', async () => {
    const { context, api, stdout } = await fakeContext()
    begins(api)
    for (const code of ['server_unreachable', 'server_timeout', 'busy', 'internal_error']) {
      api.expects(bindings.readWeChatBinding, { params }, new ApiError(code))
    }
    api.expects(bindings.readWeChatBinding, { params }, { ...waiting(9), state: 'bound', value: 'Tiger' })
    await bindWeChat(context)
    expect(stdout()).toContain('✓ Scanned.\n✓ WeChat: Tiger is bound.\n')

    const lost = await fakeContext()
    begins(lost.api)
    for (let second = 0; second <= 30; second++) {
      lost.api.expects(bindings.readWeChatBinding, { params }, new ApiError('server_unreachable'))
    }
    lost.api.expects(bindings.cancelBinding, { params, afterAbort: true }, new ApiError('server_unreachable'))
    await expect(bindWeChat(lost.context)).rejects.toMatchObject({ code: 'server_unreachable' })
    lost.api.verifyAllCalled()
  })

  it('wechat: ends at once when the session has ended', async () => {
    const { context, api } = await fakeContext()
    begins(api)
    api.expects(bindings.readWeChatBinding, { params }, refusal('not_logged_in'))
    api.expects(bindings.cancelBinding, { params, afterAbort: true }, refusal('not_logged_in'))
    await expect(bindWeChat(context)).rejects.toMatchObject({ code: 'not_logged_in' })
    api.verifyAllCalled()
  })

  it('wechat: waits for whoever scanned to agree', async () => {
    const { context, api, stdout } = await fakeContext()
    begins(api)
    for (const state of ['waiting', 'scanned', 'scanned', 'bound'] as const) {
      api.expects(bindings.readWeChatBinding, { params }, { ...waiting(9), state })
    }
    await bindWeChat(context)
    expect(stdout()).toMatch(/\nScanned\. Waiting for the answer in WeChat … 9:59 left\n✓ Scanned\.\n✓ WeChat: bound\./)
  })

  it('wechat: renews the QR code that somebody scanned and left at that', async () => {
    const { context, api, stdout } = await fakeContext({ terminal: { json: true } })
    begins(api)
    api.expects(bindings.readWeChatBinding, { params }, { ...waiting(0), state: 'scanned' })
    api.expects(bindings.renewWeChatQr, { params }, { qr: qr(9) })
    for (const state of ['waiting', 'scanned', 'bound'] as const) {
      api.expects(bindings.readWeChatBinding, { params }, { ...waiting(9), state })
    }
    await bindWeChat(context)
    api.verifyAllCalled()
    const events = stdout()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).event)
    expect(events).toEqual(['qr', 'scanned', 'qr', 'result'])
  })

  it('wechat: asks for the code that WeChat shows, until it is right', async () => {
    const interaction = new ScriptedInteraction('000000', '111111', '123456')
    const { context, api, stdout, stderr } = await fakeContext({ interaction })
    begins(api, 'code')
    api.expects(bindings.readWeChatBinding, { params }, { ...waiting(9), state: 'scanned' })
    api.expects(bindings.readWeChatBinding, { params }, { ...waiting(9), state: 'scanned', confirm: 'code' })
    const code = (text: string) => ({ params, body: { code: text } })
    api.expects(bindings.finishCodeBinding, code('000000'), refusal('code_incorrect'))
    api.expects(bindings.finishCodeBinding, code('111111'), refusal('code_expired'))
    const bound = { item: 'wechat', value: 'oTig***iger', replaced: false } as const
    api.expects(bindings.finishCodeBinding, code('123456'), bound)
    await bindWeChat(context)
    api.verifyAllCalled()
    expect(interaction.log).toEqual(Array(3).fill('code for bind by wechat to nobody'))
    expect(stdout()).toContain('If that was not you, press Ctrl-C.')
    expect(stderr()).toContain('Type the code that WeChat shows now')
    expect(stderr()).not.toContain('newest message')
    expect(stderr()).toContain('Scan the QR code again')
  })

  it('wechat: gives up the binding when a script’s code is wrong', async () => {
    const interaction = new ScriptedInteraction('000000')
    interaction.canRetry = false
    const { context, api } = await fakeContext({ interaction })
    begins(api, 'code')
    api.expects(bindings.readWeChatBinding, { params }, { ...waiting(9), state: 'scanned', confirm: 'code' })
    api.expects(bindings.finishCodeBinding, { params, body: { code: '000000' } }, refusal('code_incorrect'))
    api.expects(bindings.cancelBinding, { params, afterAbort: true }, { cancelled: true })
    await expect(bindWeChat(context)).rejects.toMatchObject({ code: 'code_incorrect' })
    api.verifyAllCalled()
  })
})

describe('hufu unbind', () => {
  it('phone: steps up and says what is gone', async () => {
    const { context, api, stdout } = await fakeContext()
    api.expects(bindings.unbindPhone, { proof }, { item: 'phone', value: '138****8000' })
    await unbind(context, { item: 'phone' })
    expect(stdout()).toBe('✓ Phone: 138****8000 is unbound.\n')
  })

  it('webauthn: binds the proof to the key that was named', async () => {
    const { context, api, stepUps } = await fakeContext()
    const key_id = keys[1]?.id ?? ''
    api.expects(readOverview, {}, overview)
    api.expects(bindings.unbindWebAuthn, { params: { key_id }, proof }, { item: 'webauthn', value: 'Tally' })
    await unbind(context, { item: 'webauthn', key: 'Tally' })
    api.verifyAllCalled()
    expect(stepUps).toEqual([`webauthn.unbind ${key_id}`])
  })

  it.each([
    ['Lion', 'key_unknown'],
    [undefined, 'input_required'],
  ])('webauthn: %s without a terminal is %s', async (key, code) => {
    const { context, api } = await fakeContext()
    api.expects(readOverview, {}, overview)
    await expect(unbind(context, { item: 'webauthn', key })).rejects.toMatchObject({ code })
  })
})

describe('the security page', () => {
  const english = `
Account security · alice

  Item          State            Since       Last used   To change it
  Password      set              2026-11-22              hufu passwd
  Phone         138****8000      2026-11-22  2026-11-22  hufu bind phone
  Email         a***e@g***l.com  2026-11-22              hufu bind email
  TOTP app      not set                                  hufu bind totp
  WeChat        not set                                  hufu bind wechat
  Security key  2 keys           2026-11-22              hufu bind webauthn
                · Tiger          2026-11-22
                · Tally          2026-11-22

1 recovery code left. hufu recovery-codes makes ten new ones.
`
  const chinese = `
安全设置 · alice

  项目      状态             绑定日期    上次使用    修改命令
  账户密码  已设置           2026-11-22              hufu passwd
  密保手机  138****8000      2026-11-22  2026-11-22  hufu bind phone
  账户邮箱  a***e@g***l.com  2026-11-22              hufu bind email
  动态口令  未绑定                                   hufu bind totp
  微信      未绑定                                   hufu bind wechat
  安全密钥  2 个             2026-11-22              hufu bind webauthn
            · Tiger          2026-11-22
            · Tally          2026-11-22

还剩 1 个恢复码。用 hufu recovery-codes 可重新生成十个。
`
  it.each([
    ['en', english],
    ['zh-CN', chinese],
  ] as const)('fits 80 columns in %s', async (language, page) => {
    const { context, api, stdout } = await fakeContext({ terminal: { language } })
    api.expects(readOverview, {}, overview)
    await status(context)
    expect(stdout().split('\n').slice(0, -2).join('\n')).toBe(page.trimEnd())
  })

  it('is one JSON line with --json, and words on stderr', async () => {
    const { context, api, stdout, stderr } = await fakeContext({ terminal: { json: true } })
    api.expects(readOverview, {}, overview)
    await status(context)
    expect(JSON.parse(stdout())).toEqual({ event: 'result', ok: true, ...overview })
    expect(stderr()).toContain('Account security')
  })
})

describe('other commands', () => {
  it('logout ends the session and forgets it', async () => {
    const { context, api, isCleared } = await fakeContext()
    api.expects(revokeSessions, { query: { which: 'current' } }, { revoked: 1 })
    await logout(context, { all: false })
    expect(isCleared()).toBe(true)
  })

  it('sessions revoke needs to know which, and forgets the login when it was this one', async () => {
    const { context, api, isCleared } = await fakeContext()
    await expect(revoke(context, { sessionId: undefined, others: false })).rejects.toMatchObject({
      code: 'input_required',
      options: ['ID', '--others'],
    })
    api.expects(revokeSession, { params: { session_id: id } }, { revoked: 1 })
    await revoke(context, { sessionId: id, others: false })
    expect(isCleared()).toBe(true)
  })

  it('recovery-codes shows ten, once', async () => {
    const { context, api, stdout } = await fakeContext()
    const codes = Array.from({ length: 10 }, (_, n) => `code-${n}`)
    api.expects(createRecoveryCodes, { proof }, { codes })
    await recoveryCodes(context)
    for (const code of codes) expect(stdout()).toContain(`    ${code}\n`)
  })

  it('log lists events without control characters, and where to go on', async () => {
    const { context, api, stdout } = await fakeContext()
    const next = `1-${id}`
    const event = { id, at: time, action: 'login', method: 'totp', source: '::1\u001b[2J', details: {}, actor: null }
    api.expects(listEvents, { query: { limit: 5 } }, { events: [event], next })
    await log(context, { limit: '5', before: undefined })
    expect(stdout()).toContain('TOTP app')
    expect(stdout()).toContain(`hufu log --before ${next}`)
    expect(stdout()).not.toContain('\u001b')
  })

  it.each(['0', '201', 'many', '-1'])('log refuses a limit of %s', async limit => {
    const { context } = await fakeContext()
    await expect(log(context, { limit, before: undefined })).rejects.toMatchObject({ code: 'input_malformed' })
  })
})
