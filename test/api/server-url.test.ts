import { describe, expect, it } from 'vitest'
import { ApiError } from '../../src/api/errors.ts'
import { parseServerUrl } from '../../src/api/server-url.ts'

const codeOf = (text: string): string => {
  try {
    parseServerUrl(text)
    return 'accepted'
  } catch (error) {
    expect(error).toBeInstanceOf(ApiError)
    return (error as ApiError).code
  }
}

describe('parseServerUrl', () => {
  it.each([
    ['https://accounts.example.org', 'https://accounts.example.org'],
    ['https://Accounts.Example.org:443/', 'https://accounts.example.org'],
    ['https://accounts.example.org:8443', 'https://accounts.example.org:8443'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['http://127.200.3.4', 'http://127.200.3.4'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
    // 0x7f.1 is what URL parsers read as 127.0.0.1.
    ['http://0x7f.1', 'http://127.0.0.1'],
  ])('takes %s', (text, origin) => {
    expect(parseServerUrl(text)).toBe(origin)
  })

  it.each([
    'http://accounts.example.org',
    'http://localhost.example.org',
    'http://127.0.0.1.example.org',
    'http://10.0.0.1',
    'http://[::2]',
    'http://0.0.0.0',
  ])('refuses to send secrets in the clear to %s', text => {
    expect(codeOf(text)).toBe('server_insecure')
  })

  it.each([
    '',
    'accounts.example.org',
    'localhost:8080',
    'ftp://accounts.example.org',
    'https://',
    'https://accounts.example.org/api',
    'https://accounts.example.org/?',
    'https://accounts.example.org/#',
    'https://accounts.example.org:99999',
    'https://user@accounts.example.org',
    'https://user:hunter2@accounts.example.org',
    'http://user:hunter2@localhost',
  ])('refuses %j as no origin', text => {
    expect(codeOf(text)).toBe('server_url_invalid')
  })

  it('does not repeat a password', () => {
    expect(() => parseServerUrl('https://user:hunter2@example.org')).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
    )
  })
})
