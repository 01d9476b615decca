import { parsePhoneNumberFromString } from 'libphonenumber-js/mobile'
import { describe, expect, it } from 'vitest'
import { parsePhoneNumber } from '../../../src/server/domain/contacts.ts'
import { Refusal } from '../../../src/server/domain/refusal.ts'

const policy = { defaultRegion: 'CN' } as const

function taken(text: string): string | undefined {
  try {
    return parsePhoneNumber(text, policy)
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}

function byTheLibrary(text: string): string | undefined {
  const number = parsePhoneNumberFromString(text, { defaultCountry: 'CN', extract: false })
  return number?.isValid() && !number.ext ? number.number : undefined
}

const tail = () => String(Math.floor(Math.random() * 1e6)).padStart(6, '0')

describe('a mainland number in E.164', () => {
  it('is taken if and only if the library takes it, whatever number made its prefix known', () => {
    let mobile = 0
    for (let prefix = 10_000; prefix < 20_000; prefix++) {
      taken(`+86${prefix}${tail()}`)
      const text = `+86${prefix}${tail()}`
      const expected = byTheLibrary(text)
      expect(taken(text), text).toBe(expected)
      if (expected !== undefined) mobile++
    }
    expect(mobile).toBeGreaterThan(4000)
  })

  it('has the calling code +86, whatever its digits', () => {
    for (let index = 0; index < 2000; index++) {
      const text = `+86${String(Math.floor(Math.random() * 1e11)).padStart(11, '0')}`
      expect(parsePhoneNumberFromString(text, { extract: false })?.countryCallingCode, text).toBe('86')
    }
  })
})
