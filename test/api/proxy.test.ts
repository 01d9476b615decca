import { describe, expect, it } from 'vitest'
import { proxyFor } from '../../src/api/proxy.ts'

const proxy = 'http://proxy.example.org:3128'
const through = (origin: string, env: Readonly<Record<string, string>>) => proxyFor(origin, env)?.name

describe('the proxy for a server', () => {
  it('is that of the first variable that is set, in lower case first', () => {
    const origin = 'https://accounts.example.org'
    const names = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']
    for (const [index] of names.entries()) {
      const env = Object.fromEntries(names.slice(index).map((name, at) => [name, `http://p${index + at}:1`]))
      expect(through(origin, env)).toBe(`p${index}:1`)
    }
    expect(through(origin, { https_proxy: '', HTTPS_PROXY: ' ', ALL_PROXY: proxy })).toBe('proxy.example.org:3128')
    expect(through(origin, { HTTP_PROXY: proxy, http_proxy: proxy })).toBeUndefined()
    expect(through(origin, {})).toBeUndefined()
  })

  it.each([
    ['proxy.example.org:3128', 'proxy.example.org:3128'],
    ['http://proxy.example.org', 'proxy.example.org:80'],
    ['https://proxy.example.org', 'proxy.example.org:443'],
    ['http://[2001:db8::1]:8080/', '[2001:db8::1]:8080'],
  ])('%s is %s', (text, name) => expect(through('https://a.example', { HTTPS_PROXY: text })).toBe(name))

  it.each([
    'http://localhost:8080',
    'https://localhost',
    'https://127.0.0.1:8443',
    'https://127.8.9.1',
    'https://[::1]',
  ])('is none for this machine: %s', origin =>
    expect(through(origin, { HTTPS_PROXY: proxy, ALL_PROXY: proxy, HTTP_PROXY: proxy })).toBeUndefined(),
  )

  it('keeps its user and password out of what is shown', () => {
    const found = proxyFor('https://a.example', { HTTPS_PROXY: 'http://al%40ice:s%3Aecr%C3%A9t@proxy:3128' })
    expect(found?.authorization).toBe(`Basic ${Buffer.from('al@ice:s:ecrét').toString('base64')}`)
    expect([found?.url.href, found?.name]).toEqual(['http://proxy:3128/', 'proxy:3128'])
    expect(proxyFor('https://a.example', { HTTPS_PROXY: proxy })?.authorization).toBeUndefined()
  })

  it.each([
    'socks5://alice:secret@proxy:1080',
    'socks5h://proxy',
    'http://',
    'http://alice:secret@proxy:99999',
    'http://alice:se%ZZcret@proxy',
    'ftp://proxy',
    'http://pro xy:secret',
  ])('is refused where hufu cannot speak to it: %s', text => {
    const refused = () => proxyFor('https://a.example', { ALL_PROXY: text })
    expect(refused).toThrow(expect.objectContaining({ code: 'proxy_invalid', proxy: 'ALL_PROXY' }))
    expect(refused).not.toThrow(/secret/)
    expect(proxyFor('https://a.example', { ALL_PROXY: text, NO_PROXY: 'a.example' })).toBeUndefined()
  })
})

describe('NO_PROXY', () => {
  it.each([
    ['*', 'https://accounts.example.org', true],
    ['accounts.example.org', 'https://accounts.example.org', true],
    ['example.org', 'https://accounts.example.org', true],
    ['.example.org', 'https://accounts.example.org', true],
    ['*.example.org', 'https://accounts.example.org', true],
    ['.example.org', 'https://example.org', true],
    ['ACCOUNTS.Example.org.', 'https://accounts.example.org', true],
    ['other.example, example.org', 'https://accounts.example.org', true],
    ['other.example example.org', 'https://accounts.example.org', true],
    ['example.org', 'https://accounts.example.org.', true],
    ['ample.org', 'https://accounts.example.org', false],
    ['accounts.example.org', 'https://example.org', false],
    ['org.example', 'https://accounts.example.org', false],
    [' , ,', 'https://accounts.example.org', false],
    ['.', 'https://accounts.example.org', false],
    ['example.org:443', 'https://accounts.example.org', true],
    ['example.org:8443', 'https://accounts.example.org', false],
    ['example.org:8443', 'https://accounts.example.org:8443', true],
    ['192.0.2.1', 'https://192.0.2.1', true],
    ['192.0.2.1:443', 'https://192.0.2.1', true],
    ['192.0.2.0/24', 'https://192.0.2.77', true],
    ['192.0.2.0/28', 'https://192.0.2.77', false],
    ['192.0.2.0/33', 'https://192.0.2.77', false],
    ['0.0.0.0/0', 'https://accounts.example.org', false],
    ['2.1', 'https://192.0.2.1', false],
    ['2001:db8::/32', 'https://[2001:db8::7]', true],
    ['2001:db8::/32', 'https://[2001:db9::7]', false],
    ['[2001:db8::7]', 'https://[2001:db8::7]', true],
    ['2001:0db8:0:0::7', 'https://[2001:db8::7]', true],
    ['[2001:db8::7]:8443', 'https://[2001:db8::7]', false],
    ['192.0.2.0/24', 'https://[2001:db8::7]', false],
  ])('%s for %s: %s', (list, origin, exempt) => {
    expect(through(origin, { HTTPS_PROXY: proxy, NO_PROXY: list }) === undefined).toBe(exempt)
    expect(through(origin, { HTTPS_PROXY: proxy, NO_PROXY: '*', no_proxy: list }) === undefined).toBe(exempt)
  })
})
