import { describe, expect, it } from 'vitest'
import { clientDataJson } from '../../../src/auth/webauthn/client-data.ts'

const text = (...args: Parameters<typeof clientDataJson>) => Buffer.from(clientDataJson(...args)).toString('utf8')

describe('clientDataJson', () => {
  it('is serialised byte for byte as section 5.8.1.1 says', () => {
    expect(text('webauthn.create', 'AbC-_9', 'https://example.org')).toBe(
      '{"type":"webauthn.create","challenge":"AbC-_9","origin":"https://example.org","crossOrigin":false}',
    )
    expect(text('webauthn.get', 'AbC-_9', 'http://localhost:8080')).toBe(
      '{"type":"webauthn.get","challenge":"AbC-_9","origin":"http://localhost:8080","crossOrigin":false}',
    )
  })

  it('escapes as section 5.8.1.2 says', () => {
    const strange = 'a"b\\c\u0000\u001f /é\u2028😀\u007f'
    const json = text('webauthn.get', strange, 'x')
    expect(json).toContain('"challenge":"a\\"b\\\\c\\u0000\\u001f /é\u2028😀\u007f"')
    expect(JSON.parse(json).challenge).toBe(strange)
  })
})
