import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { DeliveryError } from '../../../../src/server/domain/ports/delivery-error.ts'
import { smtpFailure } from '../../../../src/server/providers/smtp/smtp-failure.ts'
import { poolOptions } from '../../../../src/server/providers/smtp/smtp-options.ts'
import { startSmtpSink } from '../../../support/smtp-sink.ts'
import { code, codeMail, neverAborted, openMail, outcomeOf, password, smtpAt } from './mail-world.ts'

describe('whatever went wrong', () => {
  const secret = 'secret'
  const words = fc.string({ unit: fc.constantFrom(secret, ' ', '-', '5', '.', '1', '\r\n', 'a', '@', '\0') })
  const reply = fc
    .tuple(
      fc.integer({ min: 0, max: 999 }),
      fc.constantFrom(' ', '-', '', '\r\n'),
      fc.constantFrom('5.1.1', '4.7.0', '5.7.1', ''),
      words,
    )
    .map(([number, gap, enhanced, text]) => `${number}${gap}${enhanced} ${text}`)
  const commands = ['CONN', 'EHLO', 'STARTTLS', 'AUTH PLAIN', 'AUTH XOAUTH2', 'MAIL FROM', 'RCPT TO', 'DATA', 'API']
  const failure = fc.record(
    {
      code: fc.oneof(fc.constantFrom('ECONNECTION', 'ESOCKET', 'EAUTH', 'EENVELOPE', 'EMESSAGE', 'EABORT'), words),
      command: fc.oneof(fc.constantFrom(...commands), words),
      response: fc.oneof(reply, words),
      originalCode: fc.oneof(fc.constantFrom('ECONNREFUSED', 'CERT_HAS_EXPIRED'), words),
      message: words,
      recipient: fc.constant(secret),
    },
    { requiredKeys: [] },
  )
  const thrown = fc.oneof(
    failure.map(parts => Object.assign(new Error(secret), parts)),
    fc.constantFrom<unknown>(
      secret,
      undefined,
      null,
      { message: secret },
      new SyntaxError(`Unexpected token ${secret}`),
    ),
  )

  test('the words of nobody get into the error, and it is uncertain only where it may be', () => {
    fc.assert(
      fc.property(thrown, fc.boolean(), (error, handedOver) => {
        const judged = smtpFailure(error, handedOver)
        expect(judged.message).toMatch(
          /^smtp: (?:answered [45]\d\d(?: [45]\.\d+\.\d+)? to|failed|was ended)[ A-Za-z0-9_-]*$/,
        )
        expect(`${judged.message}${JSON.stringify(judged)}${judged.stack}${judged.cause}`).not.toContain(secret)
        if (!handedOver) expect(judged.failure).not.toBe('uncertain')
        const { command, response } = (error ?? {}) as { command?: string; response?: string }
        if (handedOver && !(command === 'DATA' && /^[45]/.test(response ?? '')))
          expect(judged.failure).toBe('uncertain')
      }),
    )
  })

  test('what only looks like a reply is none', () => {
    for (const response of ['5501 no', '55', '650 no', '550no', '']) {
      const { failure, message } = smtpFailure(Object.assign(new Error('no'), { response, command: 'RCPT TO' }), false)
      expect([failure, message]).toEqual(['unreachable', 'smtp: failed'])
    }
  })

  test('what is judged already stays as it is', () => {
    const judged = new DeliveryError('refused', 'smtp', 'no')
    expect(smtpFailure(judged, true)).toBe(judged)
  })
})

test('nothing is printed, of a mail that is sent as of one that is not', async () => {
  const printed: string[] = []
  const spies = [process.stdout, process.stderr].map(stream =>
    vi.spyOn(stream, 'write').mockImplementation(text => {
      printed.push(String(text))
      return true
    }),
  )
  const consoles = (['log', 'info', 'debug', 'warn', 'error'] as const).map(name =>
    vi.spyOn(console, name).mockImplementation((...text) => {
      printed.push(text.join(' '))
    }),
  )
  const sink = await startSmtpSink({ server: { authMethods: ['PLAIN'] } })
  const provider = openMail(sink.config({ auth: { method: 'password', username: 'alice', password } }))
  try {
    await provider.send(codeMail(), neverAborted)
    sink.faults.rcpt = () => '550 5.1.1 no'
    await outcomeOf(provider.send(codeMail(), neverAborted))
    sink.faults.login = () => '535 5.7.8 no'
    await outcomeOf(provider.check(neverAborted))
  } finally {
    for (const spy of [...spies, ...consoles]) spy.mockRestore()
    await provider.close()
    await sink.close()
  }
  for (const secret of [code, password, 'alice', 'wonderland']) expect(printed.join('\n')).not.toContain(secret)
})

test('the options that would log, read files or open addresses are off, and time-outs are ours', () => {
  const options = poolOptions(smtpAt(25, { timeout: 700 }), undefined)
  for (const name of ['logger', 'debug', 'transactionLog'] as const) expect(options[name]).toBeUndefined()
  expect(options).toMatchObject({
    disableFileAccess: true,
    disableUrlAccess: true,
    maxRequeues: 0,
    dnsTimeout: 700,
    connectionTimeout: 700,
    greetingTimeout: 700,
    socketTimeout: 700,
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: true },
  })
})
