import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openApiDocument, problemsOf } from '../../src/contract/openapi.ts'
import { operations } from '../../src/contract/operations.ts'
import { problems } from '../../src/contract/problems.ts'

test('docs/openapi.json is what the contract says; `npm run openapi` writes it anew', () => {
  const file: unknown = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'))
  expect(file).toEqual(JSON.parse(JSON.stringify(openApiDocument())))
})

test('operations have ids and addresses of their own, and step-up only where there is a session', () => {
  expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length)
  expect(new Set(operations.map(({ method, url }) => `${method} ${url}`)).size).toBe(operations.length)
  for (const operation of operations) {
    if (operation.stepUp) expect(['session', 'admin'], operation.id).toContain(operation.access)
    for (const code of problemsOf(operation)) expect(problems, `${operation.id} ${code}`).toHaveProperty(code)
  }
})

test('every change to what guards an account asks for a proof', () => {
  const changing = operations.filter(
    ({ access, method, url }) => access === 'session' && method !== 'GET' && !url.startsWith('/v1/step-up'),
  )
  const withoutProof = changing.filter(({ stepUp }) => stepUp === null).map(({ id }) => id)
  // What finishes, resends or renews a binding rests on the proof that began it; ending sessions only takes away.
  expect(withoutProof.sort()).toEqual([
    'binding.cancel',
    'binding.finish_code',
    'binding.resend',
    'sessions.revoke',
    'sessions.revoke_many',
    'webauthn.finish_binding',
    'wechat.renew_qr',
  ])
})
