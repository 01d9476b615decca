import { describe, expect, it } from 'vitest'
import { systemRandom } from '../../../../src/lib/random.ts'
import type { WeChatScan } from '../../../../src/server/domain/ports/wechat.ts'
import { openReply, sealPush, signatureOver } from '../../../../src/simulators/wechat/sealing.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { credentials, otherKey, weChatWith } from './support.ts'

const officialAccount = 'gh_0123456789ab'
const openid = 'oABCDEFGHIJKLMNOPQRSTUVWXY-_'
const refused = (reason: string) => expect.objectContaining({ name: 'WeChatPushRefused', reason })

const event = (fields: Record<string, string>) =>
  `<xml>${Object.entries({
    ToUserName: officialAccount,
    FromUserName: openid,
    CreateTime: '1795352700',
    MsgType: 'event',
    ...fields,
  })
    .map(([name, text]) => `<${name}><![CDATA[${text}]]></${name}>`)
    .join('\n')}</xml>`

/** A push of `xml` as WeChat seals it, by the simulator's own implementation. */
function pushOf(xml: string, sealedWith = credentials) {
  const { query, body } = sealPush(sealedWith, systemRandom, { officialAccount, openid, xml, seconds: 1795352700 })
  return { query: Object.fromEntries(query), body }
}

const scan = pushOf(event({ Event: 'SCAN', EventKey: 'Scene-1_x' }))
const weChat = weChatWith()

describe('openPush', () => {
  it('reads a scan by a follower', () => {
    expect(weChat.openPush(scan.query, scan.body)).toEqual({
      kind: 'scan',
      scene: 'Scene-1_x',
      openid,
      officialAccount,
      createTime: 1795352700,
      followed: false,
      sealedWith: 'current',
    })
  })

  it('reads a scan that made somebody follow, without the prefix', () => {
    const { query, body } = pushOf(event({ Event: 'subscribe', EventKey: 'qrscene_Scene-1_x' }))
    expect(weChat.openPush(query, body)).toMatchObject({ kind: 'scan', scene: 'Scene-1_x', followed: true })
  })

  it('leaves the prefix where it is part of the scene', () => {
    const { query, body } = pushOf(event({ Event: 'SCAN', EventKey: 'qrscene_x' }))
    expect(weChat.openPush(query, body)).toMatchObject({ scene: 'qrscene_x', followed: false })
  })

  it.each([
    ['following without a scan', event({ Event: 'subscribe', EventKey: '' })],
    ['a QR code of somebody else', event({ Event: 'SCAN', EventKey: 'a scene with blanks' })],
    ['an empty scene', event({ Event: 'subscribe', EventKey: 'qrscene_' })],
    ['a scene of 65 characters', event({ Event: 'SCAN', EventKey: 'x'.repeat(65) })],
    ['leaving', event({ Event: 'unsubscribe', EventKey: '' })],
    ['another case', event({ Event: 'scan', EventKey: 'Scene-1_x' })],
    ['a text that speaks of markup', event({ MsgType: 'text', Content: '<!DOCTYPE x> <!ENTITY' })],
  ])('calls %s other', (_name, xml) => {
    const { query, body } = pushOf(xml)
    expect(weChat.openPush(query, body)).toEqual({ kind: 'other' })
  })

  it('opens a repeated push again, recognisably the same', () => {
    const again = pushOf(event({ Event: 'SCAN', EventKey: 'Scene-1_x' }))
    expect(again.body).not.toBe(scan.body)
    expect(weChat.openPush(again.query, again.body)).toEqual(weChat.openPush(scan.query, scan.body))
  })

  it('refuses what was signed more than five minutes before or after our time', () => {
    const clock = manualClock()
    const here = weChatWith({ clock })
    clock.advance(5 * 60_000)
    expect(here.openPush(scan.query, scan.body)).toMatchObject({ kind: 'scan' })
    clock.advance(1)
    expect(() => here.openPush(scan.query, scan.body)).toThrow(refused('stale'))
    clock.advance(-2 * 5 * 60_000 - 1)
    expect(here.openPush(scan.query, scan.body)).toMatchObject({ kind: 'scan' })
    clock.advance(-1)
    expect(() => here.openPush(scan.query, scan.body)).toThrow(refused('stale'))
    // Who has not signed it is told of that and not of the time.
    const unsigned = { ...scan.query, timestamp: '1' }
    expect(() => here.openPush(unsigned, scan.body)).toThrow(refused('signature'))
  })

  it.each(['msg_signature', 'timestamp', 'nonce'])('refuses another %s', name => {
    const value = scan.query[name] ?? ''
    const changed = (value.startsWith('1') ? '2' : '1') + value.slice(1)
    expect(() => weChat.openPush({ ...scan.query, [name]: changed }, scan.body)).toThrow(refused('signature'))
  })

  it.each(['msg_signature', 'timestamp', 'nonce'])('refuses a missing, repeated or malformed %s', name => {
    for (const value of [undefined, '', ['1', '1'], 1, 'x\ny', 'x'.repeat(1000)]) {
      expect(() => weChat.openPush({ ...scan.query, [name]: value }, scan.body)).toThrow(refused('format'))
    }
  })

  it.each([undefined, 'raw', '', ['aes']])('refuses encrypt_type %j, whatever else holds', mode => {
    expect(() => weChat.openPush({ ...scan.query, encrypt_type: mode }, scan.body)).toThrow(refused('mode'))
  })

  it('refuses every changed character of the encrypted text', () => {
    const start = scan.body.indexOf('<Encrypt><![CDATA[') + '<Encrypt><![CDATA['.length
    const end = scan.body.indexOf(']]></Encrypt>')
    expect(end - start).toBeGreaterThan(400)
    for (let at = start; at < end; at++) {
      const changed = `${scan.body.slice(0, at)}${scan.body[at] === 'A' ? 'B' : 'A'}${scan.body.slice(at + 1)}`
      expect(() => weChat.openPush(scan.query, changed)).toThrow(refused('signature'))
    }
  })

  it('refuses what is signed with another token', () => {
    const { query, body } = pushOf(event({ Event: 'SCAN', EventKey: 'x' }), { ...credentials, token: 'pushtokem' })
    expect(() => weChat.openPush(query, body)).toThrow(refused('signature'))
  })

  it('does not take the signature of the address check for one of the body', () => {
    const { signature } = scan.query
    expect(() => weChat.openPush({ ...scan.query, msg_signature: signature }, scan.body)).toThrow(refused('signature'))
  })

  it('refuses what is meant for another account', () => {
    const { query, body } = pushOf(event({ Event: 'SCAN', EventKey: 'x' }), {
      ...credentials,
      appId: 'wxfedcba9876543210',
    })
    expect(() => weChat.openPush(query, body)).toThrow(refused('appid'))
    const rotating = weChatWith({ previousEncodingAesKey: otherKey })
    expect(() => rotating.openPush(query, body)).toThrow(refused('appid'))
  })

  it('opens what was sealed with the previous key, while there is one', () => {
    const { query, body } = pushOf(event({ Event: 'SCAN', EventKey: 'x' }), {
      ...credentials,
      encodingAesKey: otherKey,
    })
    expect(() => weChat.openPush(query, body)).toThrow(expect.objectContaining({ name: 'WeChatPushRefused' }))
    const rotating = weChatWith({ previousEncodingAesKey: otherKey })
    const before = weChatWith({ encodingAesKey: otherKey, previousEncodingAesKey: credentials.encodingAesKey })
    expect(before.openPush(query, body)).toMatchObject({ sealedWith: 'current' })
    expect(before.openPush(scan.query, scan.body)).toMatchObject({ sealedWith: 'previous' })
    expect(rotating.openPush(query, body)).toMatchObject({ kind: 'scan', scene: 'x', sealedWith: 'previous' })
    expect(rotating.openPush(scan.query, scan.body)).toMatchObject({ sealedWith: 'current' })
  })

  it('reads nothing of the plain elements of a compatibility-mode envelope', () => {
    const plain = event({ Event: 'SCAN', EventKey: 'forged' }).slice('<xml>'.length, -'</xml>'.length)
    const body = scan.body.replace('<xml>', `<xml>${plain}`)
    expect(weChat.openPush(scan.query, body)).toMatchObject({ scene: 'Scene-1_x' })
  })

  it.each([
    ['a document type', '<!DOCTYPE xml><xml>'],
    ['a document type in another case', '<!doctype xml><xml>'],
    ['an entity', '<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml>'],
    ['an entity inside', '<xml><!ENTITY e "x">'],
    ['an open CDATA section', '<xml><![CDATA['],
    ['a second Encrypt', '<xml><Encrypt>x</Encrypt>'],
    ['elements inside Encrypt', '<xml><Encrypt><a>x</a></Encrypt>'],
    ['another root', '<xml2>'],
    ['an open element', '<xml><a>'],
    ['elements that overlap', '<xml><a></b>'],
    ['a dangerous name', '<xml><__proto__>x</__proto__>'],
  ])('refuses an envelope with %s', (_name, start) => {
    expect(() => weChat.openPush(scan.query, scan.body.replace('<xml>', start))).toThrow(refused('format'))
  })

  it.each(['', 'success', '{}', '<xml></xml>', '<xml/>', '\0', '<xml>'.repeat(5000)])(
    'refuses the body %.20j',
    body => {
      expect(() => weChat.openPush(scan.query, body)).toThrow(refused('format'))
    },
  )

  it.each([
    ['a document type', `<!DOCTYPE xml [<!ENTITY e "x">]>${event({ Event: 'SCAN', EventKey: 'x' })}`],
    ['no XML', 'SCAN'],
    ['an entity for a person', event({ Event: 'SCAN', EventKey: 'x' }).replace(`<![CDATA[${openid}]]>`, '&e;')],
    [
      'two people',
      event({ Event: 'SCAN', EventKey: 'x' }).replace('<MsgType>', '<FromUserName>o2</FromUserName><MsgType>'),
    ],
    ['no person', event({ Event: 'SCAN', EventKey: 'x', FromUserName: '' })],
    ['no time', event({ Event: 'SCAN', EventKey: 'x', CreateTime: 'now' })],
    ['no event', event({})],
    ['no key', event({ Event: 'SCAN' })],
  ])('refuses an authentic push with %s', (_name, xml) => {
    const { query, body } = pushOf(xml)
    expect(() => weChat.openPush(query, body)).toThrow(refused('format'))
  })

  it('leaves entities as they are written', () => {
    const { query, body } = pushOf(event({ Event: 'SCAN', EventKey: 'x' }).replace('<![CDATA[x]]>', 'a&#45;b'))
    expect(weChat.openPush(query, body)).toEqual({ kind: 'other' })
  })

  it('refuses more than 64 KiB before it reads them', () => {
    expect(() => weChat.openPush(scan.query, `${scan.body}${' '.repeat(65_536)}`)).toThrow(refused('size'))
    expect(() => weChat.openPush(scan.query, '<'.repeat(10_000_000))).toThrow(refused('size'))
  })

  it('names neither secrets nor what was sent', () => {
    try {
      weChat.openPush({ ...scan.query, nonce: 'visible' }, scan.body)
    } catch (error) {
      expect(String(error)).toBe('WeChatPushRefused: WeChat push refused: signature')
    }
    expect.assertions(1)
  })
})

describe('verifyUrl', () => {
  const timestamp = '1795352700'
  const nonce = '1590219412'
  const query = {
    timestamp,
    nonce,
    echostr: '4375120948345356249',
    signature: signatureOver([credentials.token, timestamp, nonce]),
  }

  it('answers echostr', () => expect(weChat.verifyUrl(query)).toBe('4375120948345356249'))

  it.each(['timestamp', 'nonce', 'signature'] as const)('refuses another %s', name => {
    const changed = (query[name].startsWith('1') ? '2' : '1') + query[name].slice(1)
    expect(() => weChat.verifyUrl({ ...query, [name]: changed })).toThrow(refused('signature'))
  })

  it.each(['timestamp', 'nonce', 'signature', 'echostr'])('refuses a missing or repeated %s', name => {
    expect(() => weChat.verifyUrl({ ...query, [name]: undefined })).toThrow(refused('format'))
    expect(() => weChat.verifyUrl({ ...query, [name]: ['1', '1'] })).toThrow(refused('format'))
  })

  it('echoes no markup', () => {
    expect(() => weChat.verifyUrl({ ...query, echostr: 'a\r\nSet-Cookie: x' })).toThrow(refused('format'))
  })
})

describe('sealReply', () => {
  const opened = weChat.openPush(scan.query, scan.body) as WeChatScan

  it.each(['微信已绑定 alice\n不是你?请打开 hufu', ']]> <b>&amp;</b> ]]]]>>', '', 'x'.repeat(2048)])(
    'says %.30j',
    text => {
      expect(openReply(credentials, openid, weChat.sealReply(opened, text)) ?? '').toBe(text)
    },
  )

  it('leaves out what XML forbids', () => {
    expect(openReply(credentials, openid, weChat.sealReply(opened, 'a\0b\u001bc'))).toBe('abc')
  })

  it('uses the key that opened the push', () => {
    const old = { ...credentials, encodingAesKey: otherKey }
    const rotating = weChatWith({ previousEncodingAesKey: otherKey })
    const push = pushOf(event({ Event: 'SCAN', EventKey: 'x' }), old)
    const reply = rotating.sealReply(rotating.openPush(push.query, push.body) as WeChatScan, 'hello')
    expect(openReply(old, openid, reply)).toBe('hello')
    expect(openReply(credentials, openid, reply)).toBeUndefined()
  })

  it('refuses more than 2048 bytes', () => {
    expect(() => weChat.sealReply(opened, '微'.repeat(683))).toThrow(RangeError)
  })
})
