// What a verification does not do each time must come out as if it did.

import { expect, test } from 'vitest'
import { maxCredentialLength } from '../../../../src/contract/webauthn.ts'
import { credentialKey } from '../../../../src/server/domain/webauthn/cose-key.ts'
import { verifyAssertion } from '../../../../src/server/domain/webauthn/index.ts'
import { expectedOf, makeAssertion, type Parts, partsOf } from '../../../support/webauthn-ceremony.ts'

const code = (parts: Parts, expectedChanges: object = {}, assertion = makeAssertion(parts)) => {
  try {
    verifyAssertion(assertion, { ...expectedOf(parts), ...expectedChanges })
    return 'accepted'
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

test('a credential of just 16 KiB passes and one of a byte more does not, whatever its JSON must escape', () => {
  const parts = partsOf({})
  const assertion = makeAssertion(parts)
  for (const character of ['x', '"', '\u0001', '\ud800', 'é']) {
    const filled = (count: number) => ({ ...assertion, clientExtensionResults: { filler: character.repeat(count) } })
    const lengthOf = (count: number) => JSON.stringify(filled(count)).length
    const each = lengthOf(1) - lengthOf(0)
    const most = Math.floor((maxCredentialLength - lengthOf(0)) / each)
    expect(code(parts, {}, filled(most))).toBe('accepted')
    expect(code(parts, {}, filled(most + 1))).toBe('webauthn_too_large')
  }
})

test('many small members are as long as they are', () => {
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`m${index}`, index]))
  const parts = partsOf({})
  for (const clientExtensionResults of [many, { a: { b: { c: [many] } } }]) {
    expect(code(parts, {}, { ...makeAssertion(parts), clientExtensionResults })).toBe('webauthn_too_large')
  }
})

test('servers of two relying parties in one process keep to their own', () => {
  const mine = partsOf({})
  const other = partsOf({ rpId: 'other.example.org' })
  const atOther = { rpId: 'other.example.org' }
  for (let round = 0; round < 2; round++) {
    expect(code(mine)).toBe('accepted')
    expect(code(mine, atOther)).toBe('webauthn_rp_id_mismatch')
    expect(code(other, atOther)).toBe('accepted')
    expect(code(other)).toBe('webauthn_rp_id_mismatch')
  }
})

test('strings of client data may hold escaped quotation marks, braces and colons', () => {
  const parts = partsOf({ clientData: { note: 'a "quoted\\" {brace: [and, \\\\"' } })
  expect(code(parts)).toBe('accepted')
  const twice = partsOf({ clientDataText: text => text.replace('{', '{"note":"\\\\","note":"\\"",') })
  expect(code(twice)).toBe('webauthn_client_data_malformed')
})

test('a credential whose key is another is verified with that one, however long the first was not used', () => {
  const before = partsOf({})
  const after = partsOf({ credentialId: before.credentialId })
  expect(code(before)).toBe('accepted')
  for (let number = 0; number < 600; number++) {
    credentialKey(Buffer.from(`in between ${number}`), expectedOf(before).credential.publicKey)
  }
  expect(code(after)).toBe('accepted')
  expect(code(before)).toBe('accepted')
})
