import { describe, expect, it } from 'vitest'
import { cdata, parseWeChatXml } from '../../../../src/server/providers/wechat/xml.ts'

const refused = expect.objectContaining({ name: 'WeChatPushRefused', reason: 'format' })

describe('parseWeChatXml', () => {
  it.each([
    ['&lt;&amp;&#65;', '&lt;&amp;&#65;'],
    ['<![CDATA[&lt;<b>]]>', '&lt;<b>'],
    ['007', '007'],
    ['1e3', '1e3'],
    ['', ''],
    ['\n  text\n', 'text'],
    ['<!-- comment -->text', 'text'],
  ])('reads %j as it is written', (source, text) => {
    expect(parseWeChatXml(`<xml><A>${source}</A></xml>`).text('A')).toBe(text)
  })

  it.each(['toString', 'constructor', 'a', 'A '])('finds no element %j', name => {
    expect(() => parseWeChatXml('<xml><A>x</A></xml>').text(name)).toThrow(refused)
  })

  it.each(['<xml><A>x</B></xml>', '<xml></xml><xml></xml>', '<xml><A></xml>', '<xml a=1></xml>', 'x<xml></xml>'])(
    'refuses %s',
    source => {
      expect(() => parseWeChatXml(source)).toThrow(refused)
    },
  )
})

describe('cdata', () => {
  it.each(['plain', ']]>', ']]]]>>]]>', '<![CDATA[', '&lt;', '微信'])('keeps %j', text => {
    expect(parseWeChatXml(`<xml><A>${cdata(text)}</A></xml>`).text('A')).toBe(text)
  })
})
