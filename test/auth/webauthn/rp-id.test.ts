import { describe, expect, it } from 'vitest'
import { RpIdError } from '../../../src/auth/errors.ts'
import { verifyRpId } from '../../../src/auth/webauthn/rp-id.ts'

describe('verifyRpId', () => {
  it.each([
    ['https://accounts.example.org', undefined, 'accounts.example.org'],
    ['https://accounts.example.org', 'accounts.example.org', 'accounts.example.org'],
    ['https://accounts.example.org:8443', 'example.org', 'example.org'],
    ['https://a.b.example.co.uk', 'example.co.uk', 'example.co.uk'],
    ['https://a.b.example.co.uk', 'b.example.co.uk', 'b.example.co.uk'],
    ['https://login.corp.example.com.cn', 'example.com.cn', 'example.com.cn'],
    ['https://me.github.io', 'me.github.io', 'me.github.io'],
    ['https://www.me.github.io', 'me.github.io', 'me.github.io'],
    ['https://xn--bcher-kva.example', 'xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['http://localhost:8080', undefined, 'localhost'],
    ['http://localhost:8080', 'localhost', 'localhost'],
    ['https://intranet', 'intranet', 'intranet'],
    ['https://hufu.corp', 'hufu.corp', 'hufu.corp'],
  ])('lets %s speak for %s', async (origin, rpId, expected) => {
    expect(await verifyRpId(rpId, origin)).toBe(expected)
  })

  it.each([
    // somebody else
    ['https://accounts.example.org', 'example.com'],
    ['https://evil.org', 'accounts.example.org'],
    ['https://example.org', 'accounts.example.org'],
    ['https://evil-example.org', 'example.org'],
    ['https://example.org.evil.com', 'example.org'],
    // where anybody may have a name
    ['https://accounts.example.org', 'org'],
    ['https://example.co.uk', 'co.uk'],
    ['https://example.co.uk', 'uk'],
    ['https://me.github.io', 'github.io'],
    ['https://me.github.io', 'io'],
    ['https://www.example.kawasaki.jp', 'kawasaki.jp'],
    ['https://hufu.corp', 'corp'],
    // other ways to write it
    ['https://accounts.example.org', ''],
    ['https://accounts.example.org', '.example.org'],
    ['https://accounts.example.org', 'example.org.'],
    ['https://accounts.example.org.', 'org.'],
    ['https://accounts.example.org', 'EXAMPLE.org'],
    ['https://accounts.example.org', 'example.org:443'],
    ['https://accounts.example.org', 'https://example.org'],
    ['https://accounts.example.org', 'user@example.org'],
    ['https://accounts.example.org', 'example.org/'],
    ['https://bücher.example', 'bücher.example'],
    // an IP address is no RP ID
    ['http://127.0.0.1:8080', undefined],
    ['http://127.0.0.1:8080', '127.0.0.1'],
    ['http://127.0.0.1:8080', '0.0.1'],
    ['http://127.0.0.1:8080', 'localhost'],
    ['http://[::1]:8080', '[::1]'],
    ['https://192.0.2.7', '2.7'],
  ])('does not let %s speak for %s', async (origin, rpId) => {
    await expect(verifyRpId(rpId, origin)).rejects.toBeInstanceOf(RpIdError)
  })

  it('keeps control characters from the screen', async () => {
    await expect(verifyRpId('evil\u001b[2J', 'https://example.org')).rejects.toMatchObject({ rpId: 'evil' })
  })
})
