import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MessageProvider, OutgoingMessage } from '../../../../src/server/domain/ports/messages.ts'
import { noticeMessage } from '../../../../src/server/messages/messages.ts'
import { type Aiosmtpd, lacksAiosmtpd, startAiosmtpd } from '../../../support/aiosmtpd.ts'
import { verifyDkim } from '../../../support/dkim-verify.ts'
import { makeTlsCertificate } from '../../../support/tls-certificate.ts'
import { code, codeMail, neverAborted, openMail, outcomeOf, smtpAt } from './mail-world.ts'

describe.skipIf(lacksAiosmtpd())('mail through aiosmtpd', () => {
  const certificate = makeTlsCertificate()
  const closing: (() => Promise<void>)[] = []
  afterAll(async () => {
    for (const close of closing.reverse()) await close()
  })
  const start = async (options?: Parameters<typeof startAiosmtpd>[0]): Promise<Aiosmtpd> => {
    const server = await startAiosmtpd(options)
    closing.push(server.close)
    return server
  }
  const open = (...parameters: Parameters<typeof openMail>): MessageProvider => {
    const provider = openMail(...parameters)
    closing.push(provider.close)
    return provider
  }

  describe('required STARTTLS, signed with DKIM', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    let server: Aiosmtpd
    let provider: MessageProvider
    beforeAll(async () => {
      server = await start({ tls: certificate })
      provider = open(smtpAt(server.port, { security: 'starttls', ca: certificate.cert, timeout: 5_000 }), {
        from: '虎符账户 <accounts@例子.example>',
        replyTo: 'help@hufu.example',
        dkim: {
          domain: 'hufu.example',
          selector: 'mail',
          privateKey: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        },
      })
    })
    const mailOf = async (message: OutgoingMessage) => {
      await provider.check(neverAborted)
      await provider.send(message, neverAborted)
      const mails = await server.mails(1)
      const mail = mails.find(({ headers }) => headers['message-id']?.includes(message.id))
      if (!mail) throw new Error('the mail did not come')
      return mail
    }

    test.each([
      ['en', 'hufu sign-in code: 048151', 'sign-in code'],
      ['zh-CN', 'hufu 登录验证码：048151', '登录验证码'],
    ] as const)('a code in %s', async (locale, subject, words) => {
      const message = codeMail({ locale })
      const mail = await mailOf(message)
      expect(mail.defects).toEqual([])
      expect(mail.headers).toMatchObject({
        subject,
        from: '虎符账户 <accounts@xn--fsqu00a.example>',
        'reply-to': 'help@hufu.example',
        to: message.to,
        'auto-submitted': 'auto-generated',
        'message-id': `<${message.id}@xn--fsqu00a.example>`,
        'mime-version': '1.0',
        'content-language': locale,
      })
      expect(Math.abs(Date.parse(mail.headers.date ?? '') - Date.now())).toBeLessThan(60_000)
      expect(mail.headers).not.toHaveProperty('x-mailer')
      expect(mail.type).toBe('multipart/alternative')
      expect(mail.parts.map(({ type, charset }) => [type, charset])).toEqual([
        ['text/plain', 'utf-8'],
        ['text/html', 'utf-8'],
      ])
      const [text, html] = mail.parts.map(part => part.text.replaceAll('\r\n', '\n'))
      expect(text?.trimEnd()).toBe(message.text)
      expect(text?.split('\n')).toContain(code)
      expect(text).toContain(words)
      expect(html).toContain(`<html lang="${locale}">`)
      expect(html).toContain(`<p class="code">${code}</p>`)
      expect(verifyDkim(mail.raw, rsa.publicKey)).toMatchObject({ domain: 'hufu.example', selector: 'mail' })
    })

    test('a notice with a link', async () => {
      const link = 'https://accounts.hufu.example/undo#bHVkd2lnIHdpdHRnZW5zdGVpbiBhbmQgYmVydHJhbmQ'
      const facts = { username: 'alice', at: 0, source: '203.0.113.7', values: { old: 'a', new: 'b' }, link }
      const notice = noticeMessage(
        { channel: 'email', destination: 'alice@wonderland.example' },
        'phone.replace',
        { ...facts, linkExpiresAt: 259_200_000 },
        'hufu',
        'zh-CN',
      )
      const mail = await mailOf({ ...notice, id: 'a-notice' })
      expect(mail.headers.subject).toBe('hufu：账户 alice 的安全设置已变更')
      expect(mail.parts[0]?.text.trimEnd().split(/\r?\n/).at(-1)).toBe(`不是我操作的：${link}`)
      expect(mail.parts[1]?.text).toContain(`href="${link}"`)
      expect(() => verifyDkim(mail.raw, rsa.publicKey)).not.toThrow()
    })

    test('the signature covers what people read and who it is from', async () => {
      const mail = await mailOf(codeMail())
      const { signed } = verifyDkim(mail.raw, rsa.publicKey)
      for (const name of ['from', 'to', 'subject', 'date', 'message-id']) expect(signed).toContain(name)
      const changed = (from: string, to: string) => Buffer.from(mail.raw.toString('latin1').replace(from, to), 'latin1')
      expect(() => verifyDkim(changed(code, '048152'), rsa.publicKey)).toThrow('wrong')
      expect(() => verifyDkim(changed(`\n${code}`, '\n048152'), rsa.publicKey)).toThrow('body')
    })

    test('a certificate that nobody vouches for ends it', async () => {
      const stranger = open(smtpAt(server.port, { security: 'starttls' }))
      const { failure, message } = await outcomeOf(stranger.send(codeMail(), neverAborted))
      expect(failure).toBe('unreachable')
      expect(message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT')
    })
  })

  test('implicit TLS; the address of an international domain in its ASCII form', async () => {
    const server = await start({ tls: certificate, implicit: true })
    const provider = open(smtpAt(server.port, { host: 'localhost', security: 'tls', ca: certificate.cert }))
    await provider.send(codeMail({ to: 'li@例子.测试' }), neverAborted)
    const [mail] = await server.mails(1)
    expect(mail?.headers.to).toBe('li@xn--fsqu00a.xn--0zwm56d')
    expect(mail?.headers['x-rcptto']).toBe('li@xn--fsqu00a.xn--0zwm56d')
  })

  test('an international address, where the server takes it and where it does not', async () => {
    const [knows, not] = [await start({ smtpUtf8: true }), await start()]
    await open(smtpAt(knows.port)).send(codeMail({ to: '用户@例子.测试' }), neverAborted)
    const [mail] = await knows.mails(1)
    expect(mail?.headers['x-rcptto']).toBe('用户@例子.测试')
    const refused = open(smtpAt(not.port))
    expect(await outcomeOf(refused.send(codeMail({ to: '用户@例子.测试' }), neverAborted))).toEqual({
      failure: 'refused',
      message: 'smtp: the server takes no addresses with such letters (SMTPUTF8)',
    })
    await refused.send(codeMail(), neverAborted)
    expect(await not.mails(1)).toHaveLength(1)
  })
})
