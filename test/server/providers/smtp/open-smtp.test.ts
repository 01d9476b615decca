import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../../src/lib/clock.ts'
import type { EmailConfig, SmtpConfig } from '../../../../src/server/config/config.ts'
import { openSmtp } from '../../../../src/server/providers/smtp/open-smtp.ts'
import { startSmtpSink } from '../../../support/smtp-sink.ts'
import { codeMail, neverAborted, openMail, outcomeOf, smtpAt } from './mail-world.ts'

const open = (smtp: Partial<SmtpConfig>, changes: Partial<EmailConfig> = {}) =>
  openSmtp(
    { from: 'a@hufu.example', replyTo: undefined, dkim: undefined, smtp: smtpAt(25, smtp), ...changes },
    { clock: systemClock },
  )

describe('what it is not made with', () => {
  test.each(['mail.example.org', '10.0.0.1', '127.0.0.1.example.org', 'localhost.example.org', '::2', '0.0.0.0'])(
    'plain text to %s',
    host =>
      expect(() => open({ host, security: 'none' })).toThrow('email.smtp.security: "none" is for a server on this'),
  )

  test.each(['localhost', '127.0.0.1', '127.8.9.1', '::1', '[::1]'])('plain text to %s is allowed', host =>
    expect(open({ host, security: 'none' }).name).toBe('smtp'),
  )

  test.each(['', 'nobody', 'a@b.example, c@d.example', 'A <a@b c>', 'Team: a@b.example;', '用户@例子.example'])(
    'the sender %j',
    from => expect(() => open({}, { from })).toThrow('is no mailbox'),
  )

  test('a reply address that is none', () => expect(() => open({}, { replyTo: 'x' })).toThrow('email.reply_to'))

  test.each(['http://tokens.example.org/', 'tokens', 'file:///etc/passwd'])('tokens from %s', tokenUrl => {
    const auth = {
      method: 'xoauth2',
      username: 'u',
      clientId: 'c',
      clientSecret: 's',
      refreshToken: 'r',
      tokenUrl,
    } as const
    expect(() => open({ auth })).toThrow('email.smtp.token_url')
  })
})

test.each([
  ['Ed25519', () => generateKeyPairSync('ed25519').privateKey],
  ['RSA of 512 bits', () => generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey],
])('a DKIM key with which mail would go out unsigned: %s', (_, make) => {
  const privateKey = make().export({ type: 'pkcs8', format: 'pem' }).toString()
  const dkim = { domain: 'hufu.example', selector: 's', privateKey }
  expect(() => open({}, { dkim })).toThrow('email.dkim')
  expect(() => open({}, { dkim: { ...dkim, privateKey: 'SECRET' } })).toThrow(/^(?!.*SECRET)/)
})

describe('destinations', () => {
  test.each([
    'alice',
    '',
    'alice@wonderland.example\r\nBcc: eve@evil.example',
    'alice@wonderland.example, eve@evil.example',
    'Alice <alice@wonderland.example>',
    '<alice@wonderland.example>',
    '"a b"@wonderland.example',
    'alice@wonderland.example> SIZE=1',
    'a@b@wonderland.example',
    'alice@[127.0.0.1]',
    `${'a'.repeat(250)}@b.example`,
  ])('%j is refused before anything is sent', async to => {
    const sink = await startSmtpSink()
    const provider = openMail(sink.config())
    expect(await outcomeOf(provider.send(codeMail({ to }), neverAborted))).toEqual({
      failure: 'refused',
      message: 'smtp: the destination is no mail address',
    })
    expect(sink.opened).toBe(0)
    await provider.close()
    await sink.close()
  })

  test.each(["o'brien+hufu@x.example", '!#$%&*/=?^_`{|}~-@x.example', 'a.b@x-y.example'])('%s is sent to', async to => {
    const sink = await startSmtpSink()
    const provider = openMail(sink.config())
    await provider.send(codeMail({ to }), neverAborted)
    expect(sink.mails.map(mail => [mail.to, mail.header('to')])).toEqual([[[to], to]])
    await provider.close()
    await sink.close()
  })
})

test('a message sent twice is one mail to a mail program', async () => {
  const sink = await startSmtpSink()
  const provider = openMail(sink.config())
  const message = codeMail()
  await provider.send(message, neverAborted)
  await provider.send(message, neverAborted)
  const [first, second] = [await sink.mailTo(message.to), await sink.mailTo(message.to)].map(mail =>
    mail.header('message-id'),
  )
  expect(first).toBe(`<${message.id}@hufu.example>`)
  expect(second).toBe(first)
  await provider.close()
  await sink.close()
})

test('several hundred at once arrive once each, over as many connections as allowed', async () => {
  const sink = await startSmtpSink()
  let busy = 0
  let most = 0
  sink.faults.mail = () => {
    most = Math.max(most, ++busy)
    return undefined
  }
  sink.faults.dot = () => {
    busy--
    return undefined
  }
  const provider = openMail(sink.config({ connections: 4 }))
  const messages = Array.from({ length: 500 }, (_, index) => codeMail({ to: `p${index}@wonderland.example` }))
  await Promise.all(messages.map(message => provider.send(message, neverAborted)))
  expect(sink.mails.map(mail => mail.to[0]).sort()).toEqual(messages.map(({ to }) => to).sort())
  expect(new Set(sink.mails.map(mail => mail.header('message-id'))).size).toBe(500)
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(4)
  await provider.close()
  await sink.close()
})

test('closing ends what is under way, and nothing is sent afterwards', async () => {
  const sink = await startSmtpSink({ faults: { mail: () => 'hang' } })
  const provider = openMail(sink.config({ connections: 1 }))
  const underWay = [
    outcomeOf(provider.send(codeMail(), neverAborted)),
    outcomeOf(provider.send(codeMail(), neverAborted)),
  ]
  await expect.poll(() => sink.opened).toBe(1)
  await provider.close()
  expect((await Promise.all(underWay)).map(({ failure }) => failure)).toEqual(['unreachable', 'unreachable'])
  expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toBe('unreachable')
  expect(sink.mails).toEqual([])
  await sink.close()
})
