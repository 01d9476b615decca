import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromBase64url, toBase64url } from '../../src/lib/base64url.ts'

describe('base64url', () => {
  test('bytes come back as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        expect(fromBase64url(toBase64url(bytes))).toEqual(bytes)
      }),
    )
  })

  test('a text is accepted exactly when it is what its bytes encode to', () => {
    const characters = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=\n é')
    const texts = fc.string({ unit: characters, maxLength: 9 })
    fc.assert(
      fc.property(texts, text => {
        const isCanonical = toBase64url(Buffer.from(text, 'base64url')) === text
        if (isCanonical) expect(fromBase64url(text)).toEqual(new Uint8Array(Buffer.from(text, 'base64url')))
        else expect(() => fromBase64url(text)).toThrow(TypeError)
      }),
      { numRuns: 2000 },
    )
  })

  test.each(['A', 'AB', 'AAB', 'AA==', 'AA\n', 'A+A/', 'AAAAA'])('%j is refused', text => {
    expect(() => fromBase64url(text)).toThrow(TypeError)
  })
})
