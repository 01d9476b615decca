import type { Socket } from 'node:net'
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type RawAnswer, type SmtpStep, startRawSmtpServer } from '../../../support/raw-smtp-server.ts'
import { type SmtpFault, type SmtpFaults, startSmtpSink } from '../../../support/smtp-sink.ts'
import { makeTlsCertificate } from '../../../support/tls-certificate.ts'
import { code, codeMail, neverAborted, openMail, outcomeOf, smtpAt } from './mail-world.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const sinkWith = async (faults: SmtpFaults, changes = {}, options: Parameters<typeof startSmtpSink>[0] = {}) => {
  const sink = await startSmtpSink({ ...options, faults })
  const provider = openMail(sink.config({ timeout: 400, ...changes }))
  closing.push(sink.close, provider.close)
  return { sink, provider }
}
const rawWith = async (
  answers: Partial<Record<SmtpStep, RawAnswer | ((socket: Socket) => void)>>,
  changes: Parameters<typeof smtpAt>[1] = {},
) => {
  const server = await startRawSmtpServer(answers)
  const provider = openMail(smtpAt(server.port, { timeout: 400, ...changes }))
  closing.push(server.close, provider.close)
  return { server, provider }
}

describe('what each reply means', () => {
  test.each([
    ['mail', '550 5.1.8 sender alice unknown', 'misconfigured', '550 5.1.8 to MAIL FROM'],
    ['mail', '530 5.7.0 log in first', 'misconfigured', '530 5.7.0 to MAIL FROM'],
    ['mail', '553 bad sender', 'misconfigured', '553 to MAIL FROM'],
    ['mail', '452 4.3.1 disk full', 'unreachable', '452 4.3.1 to MAIL FROM'],
    ['mail', '421 4.7.0 too many', 'throttled', '421 4.7.0 to MAIL FROM'],
    ['mail', '503 5.5.1 out of order', 'unreachable', '503 5.5.1 to MAIL FROM'],
    ['rcpt', '550 5.1.1 no alice@wonderland.example', 'refused', '550 5.1.1 to RCPT TO'],
    ['rcpt', '550 no', 'refused', '550 to RCPT TO'],
    ['rcpt', '552 5.2.2 mailbox of alice full', 'refused', '552 5.2.2 to RCPT TO'],
    ['rcpt', '553 no', 'refused', '553 to RCPT TO'],
    // What a domain's policy, or a milter, says of one destination or mail, turns mail off for nobody else.
    ['rcpt', '550 5.7.1 relaying to wonderland denied', 'refused', '550 5.7.1 to RCPT TO'],
    ['rcpt', '535 5.7.8 no', 'misconfigured', '535 5.7.8 to RCPT TO'],
    ['rcpt', '450 4.7.1 greylisted', 'throttled', '450 4.7.1 to RCPT TO'],
    ['rcpt', '450 4.2.0 greylisted', 'throttled', '450 4.2.0 to RCPT TO'],
    ['rcpt', '452 4.2.2 full', 'throttled', '452 4.2.2 to RCPT TO'],
    ['rcpt', '451 later', 'throttled', '451 to RCPT TO'],
    ['rcpt', '450 4.1.2 no such domain now', 'throttled', '450 4.1.2 to RCPT TO'],
    ['rcpt', '451 4.4.5 congested', 'throttled', '451 4.4.5 to RCPT TO'],
    ['dot', `554 5.7.1 spam: ${code}`, 'refused', '554 5.7.1 to DATA'],
    ['dot', '554 no', 'refused', '554 to DATA'],
    ['dot', '552 5.2.2 full', 'refused', '552 5.2.2 to DATA'],
    ['dot', '552 5.3.4 too big', 'misconfigured', '552 5.3.4 to DATA'],
    ['dot', '550 5.6.7 no such letters', 'refused', '550 5.6.7 to DATA'],
    ['dot', '451 4.3.0 later', 'unreachable', '451 4.3.0 to DATA'],
    ['dot', '450 4.7.1 later', 'throttled', '450 4.7.1 to DATA'],
    ['dot', '421 4.3.2 going down', 'unreachable', '421 4.3.2 to DATA'],
  ] as const)('%s: %s is %s', async (step, reply, failure, words) => {
    for (const hidePIPELINING of [false, true]) {
      const { provider } = await sinkWith({ [step]: () => reply }, {}, { server: { hidePIPELINING } })
      const outcome = await outcomeOf(provider.send(codeMail(), neverAborted))
      expect(outcome).toEqual({ failure, message: `smtp: answered ${words}` })
    }
  })

  test('of a server that takes its leave at a destination, that it is the server', async () => {
    for (const hidePIPELINING of [false, true]) {
      const { provider } = await sinkWith({ rcpt: () => '421 4.3.2 going down' }, {}, { server: { hidePIPELINING } })
      expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toBe('unreachable')
    }
  })

  test.each([
    ['connect', '554 5.7.1 your address is listed\r\n', 'misconfigured', '554 5.7.1 to the connection'],
    ['connect', '421 4.7.0 too many connections\r\n', 'throttled', '421 4.7.0 to the connection'],
    ['connect', '450 busy\r\n', 'unreachable', '450 to the connection'],
    ['DATA', '554 5.5.1 no valid recipients\r\n', 'misconfigured', '554 5.5.1 to DATA'],
    ['DATA', '451 4.3.0 later\r\n', 'unreachable', '451 4.3.0 to DATA'],
    ['DATA', '550 5.1.1 no\r\n', 'refused', '550 5.1.1 to DATA'],
    ['RCPT', '450-4.7.28 unusual rate\r\n450 4.7.28 from you\r\n', 'throttled', '450 4.7.28 to RCPT TO'],
    ['RCPT', '550 5.1.1\r\n', 'refused', '550 5.1.1 to RCPT TO'],
    ['RCPT', '550\r\n', 'refused', '550 to RCPT TO'],
    ['RCPT', '550 5.1.1x\r\n', 'refused', '550 to RCPT TO'],
  ] as const)('%s: %j is %s', async (step, reply, failure, words) => {
    const { provider } = await rawWith({ [step]: reply })
    const outcome = await outcomeOf(provider.send(codeMail(), neverAborted))
    expect(outcome).toEqual({ failure, message: `smtp: answered ${words}` })
  })
})

describe('a refused message leaves the connection usable', () => {
  test('for the next one', async () => {
    const noBob = (to: string) => (to.startsWith('bob') ? '550 5.1.1 no' : undefined)
    const { sink, provider } = await sinkWith({ rcpt: noBob }, { connections: 1 })
    expect((await outcomeOf(provider.send(codeMail({ to: 'bob@x.example' }), neverAborted))).failure).toBe('refused')
    await provider.send(codeMail(), neverAborted)
    expect(sink.opened).toBe(1)
  })
})

describe('before the mail is handed over it was certainly not sent', () => {
  const unreachable = { failure: 'unreachable', message: expect.any(String) }

  test('nobody listens', async () => {
    const probe = createServer()
    const port = await new Promise<number>(resolve =>
      probe.listen(0, '127.0.0.1', () => resolve((probe.address() as { port: number }).port)),
    )
    await new Promise(resolve => probe.close(resolve))
    const provider = openMail(smtpAt(port))
    expect(await outcomeOf(provider.send(codeMail(), neverAborted))).toEqual({
      failure: 'unreachable',
      message: 'smtp: failed with ECONNREFUSED at the connection',
    })
    await provider.close()
  })

  test('there is no such host', async () => {
    const provider = openMail(smtpAt(25, { host: 'mail.invalid', security: 'tls' }))
    expect(await outcomeOf(provider.send(codeMail(), neverAborted))).toEqual(unreachable)
    await provider.close()
  })

  test.each(['mail', 'rcpt', 'connect'] as const)('the server hangs, or ends the connection, at %s', async step => {
    for (const fault of ['hang', 'cut'] satisfies SmtpFault[]) {
      const { sink, provider } = await sinkWith({ [step]: () => fault })
      expect(await outcomeOf(provider.send(codeMail(), neverAborted)), fault).toEqual(unreachable)
      expect(sink.mails).toEqual([])
    }
  })

  test.each(['connect', 'EHLO', 'DATA'] as const)('the server hangs, ends or talks nonsense at %s', async step => {
    const answers = [
      'hang',
      'cut',
      'HTTP/1.1 400 Bad Request\r\n\r\n',
      '\0\xff\r\n',
      '999 what\r\n',
      '\r\n\r\n',
    ] as const
    for (const answer of answers) {
      const { server, provider } = await rawWith({ [step]: answer })
      expect(await outcomeOf(provider.send(codeMail(), neverAborted)), JSON.stringify(answer)).toEqual(unreachable)
      expect(server.mails).toEqual([])
    }
  })

  test.each([
    ['connect', 'one endless line', (socket: Socket) => flood(socket, 'x')],
    ['connect', 'endless lines', (socket: Socket) => flood(socket, '220-hello\r\n')],
    ['EHLO', 'endless extensions', (socket: Socket) => flood(socket, '250-X\r\n')],
    ['RCPT', 'an endless refusal', (socket: Socket) => flood(socket, '550-no\r\n')],
  ] as const)('10 MB at %s: %s', async (step, _, answer) => {
    const { provider } = await rawWith({ [step]: answer })
    expect(await outcomeOf(provider.send(codeMail(), neverAborted))).toEqual(unreachable)
  })
})

const flood = (socket: Socket, part: string) => {
  const chunk = part.repeat(Math.ceil(65_536 / part.length))
  for (let sent = 0; sent < 10_000_000; sent += chunk.length) socket.write(chunk)
}

describe('after the last dot nobody knows', () => {
  test.each(['hang', 'cut'] as const)('the server ends it with: %s', async fault => {
    const { sink, provider } = await sinkWith({ dot: () => fault })
    const { failure, message } = await outcomeOf(provider.send(codeMail(), neverAborted))
    expect(failure).toBe('uncertain')
    expect(message).toMatch(/^smtp: failed with \w+ at the connection after the mail was handed over$/)
    expect(sink.mails).toHaveLength(1)
  })

  test.each(['what?\r\n', '354 go on\r\n', 'HTTP/1.1 200 OK\r\n\r\n', '\0\r\n'])('the server says %j', async answer => {
    const { provider } = await rawWith({ dot: answer })
    expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toBe('uncertain')
  })

  test('the server answers 10 MB', async () => {
    const { provider } = await rawWith({ dot: socket => flood(socket, '250-ok\r\n') })
    expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toBe('uncertain')
  })

  test('a mail cut in its middle may have left this machine as a whole, but never counts as sent', async () => {
    const { sink, provider } = await sinkWith({ data: () => 'cut' })
    expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toMatch(/^(?:unreachable|uncertain)$/)
    expect(sink.mails).toEqual([])
  })

  test('a mail too large for the connection, cut in its middle, was not sent', async () => {
    const { server, provider } = await rawWith({
      DATA: socket => {
        socket.pause()
        socket.write('354 go on\r\n', () => setTimeout(() => socket.destroy(), 50))
      },
    })
    const message = codeMail({ text: 'long\n'.repeat(4_000_000) })
    expect((await outcomeOf(provider.send(message, neverAborted))).failure).toBe('unreachable')
    expect(server.mails).toEqual([])
  })
})

describe('connections that are kept', () => {
  test('one that the server ended while it was idle costs no message', async () => {
    const { sink, provider } = await sinkWith({}, { timeout: 5_000, connections: 1 })
    await provider.send(codeMail(), neverAborted)
    for (let round = 2; round < 12; round++) {
      sink.drop()
      // Whether the end is noticed before or after the next message is handed over is a matter of luck.
      const message = codeMail()
      const { failure } = await outcomeOf(provider.send(message, neverAborted))
      expect(['sent', 'unreachable']).toContain(failure)
      if (failure === 'unreachable') await provider.send(message, neverAborted)
      expect(sink.mails).toHaveLength(round)
    }
  })

  test('one that is noticed costs not even a try', async () => {
    const { sink, provider } = await sinkWith({}, { timeout: 5_000, connections: 1 })
    await provider.send(codeMail(), neverAborted)
    sink.drop()
    await new Promise(resolve => setTimeout(resolve, 100))
    await provider.send(codeMail(), neverAborted)
    expect(sink.mails).toHaveLength(2)
    expect(sink.opened).toBe(2)
  })

  test('one that the server ends with 421 while it is idle', async () => {
    const sockets: Socket[] = []
    const { server, provider } = await rawWith({
      dot: socket => {
        sockets.push(socket)
        socket.write('250 2.0.0 ok\r\n')
      },
    })
    await provider.send(codeMail(), neverAborted)
    sockets[0]?.end('421 4.4.2 idle for too long\r\n')
    await new Promise(resolve => setTimeout(resolve, 100))
    await provider.send(codeMail(), neverAborted)
    expect(server.mails).toHaveLength(2)
  })
})

describe('abort', () => {
  test.each(['connect', 'mail', 'dot'] as const)('while the server hangs at %s', async step => {
    const { sink, provider } = await sinkWith({ [step]: () => 'hang' }, { timeout: 60_000, connections: 1 })
    const end = new AbortController()
    const sending = outcomeOf(provider.send(codeMail(), end.signal))
    const waiting = outcomeOf(provider.send(codeMail(), end.signal))
    await expect.poll(() => (step === 'dot' ? sink.mails.length : sink.opened)).toBe(1)
    end.abort()
    const certain = { failure: 'unreachable', message: 'smtp: was ended' }
    const uncertain = { failure: 'uncertain', message: 'smtp: was ended after the mail was handed over' }
    expect(await sending).toEqual(step === 'dot' ? uncertain : certain)
    expect(await waiting).toEqual(certain)
    // Its connection is gone, and others come through.
    sink.faults[step] = () => undefined
    await provider.send(codeMail(), neverAborted)
    expect(sink.opened).toBe(2)
  })

  test('before anything was done', async () => {
    const { sink, provider } = await sinkWith({})
    expect(await outcomeOf(provider.send(codeMail(), AbortSignal.abort()))).toEqual({
      failure: 'unreachable',
      message: 'smtp: was ended',
    })
    expect(sink.opened).toBe(0)
  })

  test('of a check', async () => {
    const { provider } = await sinkWith({ connect: () => 'hang' }, { timeout: 60_000 })
    const end = new AbortController()
    const checking = outcomeOf(provider.check(end.signal))
    end.abort()
    expect((await checking).failure).toBe('unreachable')
  })
})

describe('TLS', () => {
  const certificate = makeTlsCertificate()

  test('STARTTLS that is not offered: nothing is sent in plain text', async () => {
    const { server, provider } = await rawWith({}, { security: 'starttls' })
    expect(await outcomeOf(provider.send(codeMail(), neverAborted))).toEqual({
      failure: 'misconfigured',
      message: 'smtp: answered 502 5.5.1 to STARTTLS',
    })
    expect(server.steps).toEqual(['connect', 'EHLO', 'STARTTLS'])
  })

  test('STARTTLS that is off just now, hangs, or is nonsense', async () => {
    for (const answer of ['454 4.7.0 not now\r\n', 'hang', 'cut', '220 go on\r\nnonsense\r\n'] as const) {
      const { server, provider } = await rawWith({ STARTTLS: answer }, { security: 'starttls' })
      expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure, answer).toBe('unreachable')
      expect(server.steps).not.toContain('MAIL')
    }
  })

  test.each(['tls', 'starttls'] as const)(
    '%s: a certificate of another name, of nobody, of somebody else, or of long ago',
    async security => {
      const elsewhere = makeTlsCertificate(['mail.elsewhere.example'])
      const old = makeTlsCertificate(['127.0.0.1'], ['200101000000Z', '200201000000Z'])
      const cases = [
        [elsewhere, { ca: elsewhere.cert }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
        [certificate, { ca: undefined }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
        [certificate, { ca: elsewhere.cert }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
        [old, { ca: old.cert }, 'CERT_HAS_EXPIRED'],
      ] as const
      for (const [served, changes, reason] of cases) {
        const { sink, provider } = await sinkWith({}, changes, { security, certificate: served })
        expect(await outcomeOf(provider.send(codeMail(), neverAborted))).toEqual({
          failure: 'unreachable',
          message: `smtp: failed with ${reason} at the connection`,
        })
        expect(sink.mails).toEqual([])
      }
    },
  )

  test.each(['tls', 'starttls'] as const)('%s: no version below 1.2', async security => {
    const server = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    const { provider } = await sinkWith({}, { timeout: 2_000 }, { security, certificate, server })
    expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toBe('unreachable')
  })

  test.each(['tls', 'starttls'] as const)('%s: a good certificate', async security => {
    const { sink, provider } = await sinkWith({}, { timeout: 5_000 }, { security, certificate })
    await provider.check(neverAborted)
    await provider.send(codeMail(), neverAborted)
    expect(sink.mails.map(mail => mail.secure)).toEqual([true])
  })
})
