import { expect, test } from 'vitest'
import { fromBase64url } from '../../../../src/lib/base64url.ts'
import { createSecretKeys } from '../../../../src/server/domain/secret-keys.ts'
import { decoyCredentials, decoyHandle } from '../../../../src/server/domain/verification/decoy-credentials.ts'
import { seededRandom } from '../../../support/seeded-random.ts'

const keys = createSecretKeys(Buffer.alloc(32, 1), seededRandom('decoys'))
const otherKeys = createSecretKeys(Buffer.alloc(32, 2), seededRandom('decoys'))

test('the same user name has always the same ones, under one server key', () => {
  expect(decoyCredentials(keys, 'alice')).toEqual(decoyCredentials(keys, 'alice'))
  expect(decoyCredentials(keys, 'alice')).not.toEqual(decoyCredentials(otherKeys, 'alice'))
  expect(decoyHandle(keys, 'alice')).toEqual(decoyHandle(keys, 'alice'))
  expect(decoyHandle(keys, 'alice')).not.toEqual(decoyHandle(otherKeys, 'alice'))
  expect(decoyHandle(keys, 'alice')).toHaveLength(32)
})

test('they are as many and of as many shapes as real ones, and all differ', () => {
  const all = Array.from({ length: 400 }, (_, index) => decoyCredentials(keys, `user ${index}`))
  const counts = [1, 2, 3].map(count => all.filter(({ length }) => length === count).length)
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(400)
  expect([...counts].sort((a, b) => b - a)).toEqual(counts)
  expect(counts[2]).toBeGreaterThan(0)

  const each = all.flat()
  expect(new Set(each.map(({ id }) => id)).size).toBe(each.length)
  const shapes = new Set(each.map(({ id, transports }) => `${fromBase64url(id).length} ${transports.join(' ')}`))
  expect([...shapes].sort()).toEqual([
    '16 hybrid internal',
    '20 hybrid internal',
    '32 internal',
    '48 nfc usb',
    '48 usb',
    '64 nfc usb',
    '64 usb',
    '96 usb',
  ])
  // No part of an id is that of another.
  expect(new Set(each.map(({ id }) => id.slice(0, 20))).size).toBe(each.length)
})
