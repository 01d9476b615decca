import { expect, test } from 'vitest'
import { nearest } from '../../src/lib/nearest.ts'

test.each([
  ['databse', 'database'],
  ['adtabase', 'database'],
  ['DATABASE', 'database'],
  ['pot', 'port'],
  ['prot', 'port'],
  ['data', 'database'],
  ['databases_of_all', 'database'],
])('%s may be meant as %s', (typed, meant) => expect(nearest(typed, ['listen', 'port', 'database'])).toBe(meant))

test.each([
  ['two of four letters', 'abxy', 'abcd'],
  ['two of three letters', 'xyc', 'abc'],
  ['two letters that begin a name', 'da', 'database'],
  ['more than a third', 'xyzabase', 'database'],
  ['letters swapped that do not stand together', 'dcba', 'abcd'],
  ['swaps at a distance', 'badc', 'abcd'],
  ['more letters than any name has', `database${'x'.repeat(57)}`, 'database'],
])('nothing is meant by %s', (_, typed, known) => expect(nearest(typed, [known])).toBeUndefined())

test('of several the nearest is meant', () => {
  expect(nearest('ports', ['sport', 'port', 'parts'])).toBe('port')
})
