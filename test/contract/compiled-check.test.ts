import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isOfSchema } from '../../src/contract/check.ts'
import { isOfSchemaCompiled } from '../../src/contract/compiled-check.ts'
import { applyBatch, undoRows } from '../../src/contract/rebind.ts'

const change = fc.record({
  item: fc.constantFrom('phone', 'webauthn', 'shoe'),
  old: fc.option(fc.string()),
  new: fc.oneof(fc.constant(null), fc.string(), fc.integer()),
})
const link = fc.record({
  purpose: fc.constantFrom('totp', 'webauthn', 'phone'),
  link_secret: fc.oneof(fc.constant('a'.repeat(43)), fc.string()),
  expires_at: fc.oneof(fc.constant('2026-01-02T03:04:05.678Z'), fc.string()),
})
const result = fc.record(
  {
    row: fc.oneof(fc.integer(), fc.double()),
    username: fc.option(fc.string()),
    status: fc.constantFrom('applied', 'unchanged', 'failed', 'skipped', 'lost'),
    code: fc.constantFrom(null, 'account_unknown', 'changed_since', 'no_code'),
    owner: fc.option(fc.string()),
    changes: fc.array(change, { maxLength: 2 }),
    links: fc.array(link, { maxLength: 2 }),
    more: fc.anything(),
  },
  { requiredKeys: ['row', 'username', 'status', 'code', 'owner', 'changes'] },
)
const answer = fc.oneof(fc.record({ results: fc.array(result), next: fc.option(fc.integer()) }), fc.anything())

const right = {
  row: 1,
  username: 'ada',
  status: 'applied',
  code: null,
  owner: null,
  changes: [{ item: 'phone', old: null, new: '+86 *** 78' }],
  links: [],
}

it('takes what it should, and nothing else', () => {
  const schema = applyBatch.answer
  expect(isOfSchemaCompiled(schema, { results: [right] })).toBe(true)
  expect(isOfSchemaCompiled(schema, { results: [{ ...right, row: '1' }] })).toBe(false)
  expect(isOfSchemaCompiled(schema, { results: [right, { ...right, code: 'no_code' }] })).toBe(false)
  expect(isOfSchemaCompiled(schema, { results: [{ ...right, changes: [{ item: 'phone', old: null }] }] })).toBe(false)
})

it('says of every answer what the interpreted check says', () => {
  for (const schema of [applyBatch.answer, undoRows.answer]) {
    fc.assert(
      fc.property(answer, value => {
        expect(isOfSchemaCompiled(schema, value)).toBe(isOfSchema(schema, value))
      }),
      { numRuns: 1000 },
    )
  }
})
