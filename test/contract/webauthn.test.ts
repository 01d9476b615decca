import { Value } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { AuthenticationResponseJson, RegistrationResponseJson } from '../../src/contract/webauthn.ts'
import { webauthnProblems } from '../../src/contract/webauthn-problems.ts'
import { makeAssertion, makeRegistration, partsOf } from '../support/webauthn-ceremony.ts'

test.each(Object.entries(webauthnProblems))('%s has a status and one plain sentence', (code, { status, title }) => {
  expect(code).toMatch(/^webauthn_[a-z_]+$/)
  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(500)
  expect(title).toMatch(/^[A-Z][^.]*\.$/)
})

describe('a registration response', () => {
  const good = makeRegistration(partsOf({}))

  test('may have what browsers add', () => {
    const response = { ...good.response, authenticatorData: 'AA', publicKey: 'AA', publicKeyAlgorithm: -7 }
    expect(Value.Check(RegistrationResponseJson, { ...good, response, authenticatorAttachment: 'platform' })).toBe(true)
    const unexported = { ...good.response, publicKey: null }
    expect(
      Value.Check(RegistrationResponseJson, { ...good, response: unexported, authenticatorAttachment: null }),
    ).toBe(true)
  })

  test('may have what browsers will add some day', () => {
    const response = { ...good.response, later: [1] }
    expect(Value.Check(RegistrationResponseJson, { ...good, later: {}, response })).toBe(true)
  })

  test.each([
    ['no id', { ...good, id: undefined }],
    ['padding', { ...good, id: `${good.id}=` }],
    ['1024 bytes of id', { ...good, id: 'A'.repeat(1366) }],
    ['another type', { ...good, type: 'password' }],
    ['an assertion', makeAssertion(partsOf({}))],
  ])('may not have %s', (_, value) => {
    expect(Value.Check(RegistrationResponseJson, value)).toBe(false)
  })
})

test('an authentication response may lack its user handle', () => {
  const good = makeAssertion(partsOf({}))
  expect(Value.Check(AuthenticationResponseJson, good)).toBe(true)
  const { userHandle: _, ...response } = good.response
  expect(Value.Check(AuthenticationResponseJson, { ...good, response })).toBe(true)
  for (const userHandle of [null, '']) {
    expect(Value.Check(AuthenticationResponseJson, { ...good, response: { ...response, userHandle } })).toBe(true)
  }
  expect(Value.Check(AuthenticationResponseJson, { ...good, later: 1, response: { ...response, later: 1 } })).toBe(true)
  expect(Value.Check(AuthenticationResponseJson, { ...good, response: { ...response, userHandle: 1 } })).toBe(false)
})
