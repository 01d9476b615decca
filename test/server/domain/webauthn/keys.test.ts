import { generateKeyPairSync, sign, verify } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { credentialKey, importCoseKey } from '../../../../src/server/domain/webauthn/cose-key.ts'
import { isDerEcdsaSignature } from '../../../../src/server/domain/webauthn/ecdsa-signature.ts'
import { isEdwardsPoint } from '../../../../src/server/domain/webauthn/edwards-curve.ts'
import { encode, keyKinds, makeKey } from '../../../support/webauthn-ceremony.ts'

test.each(['P-256', 'P-384', 'P-521'])('signatures on %s are DER', namedCurve => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve })
  for (let round = 0; round < 64; round++) {
    expect(isDerEcdsaSignature(sign('sha256', Buffer.from([round]), privateKey))).toBe(true)
  }
})

test.each([
  ['3006020101020101', true],
  ['30080202008002020080', true],
  ['', false],
  ['30', false],
  ['3000', false],
  ['3003020101', false],
  ['3106020101020101', false], // a set
  ['3007020101020101', false], // longer than its bytes
  ['300602010102010100', false], // a byte behind
  ['30070201010201010a', false], // a byte inside
  ['308106020101020101', false], // a long length where a short one does
  ['3080020101020101' + '0000', false], // indefinite
  ['3006020101030101', false], // a bit string
  ['3006020181020101', false], // negative
  ['300702020001020101', false], // a needless zero
  ['3005020002010101', false], // an empty integer
  ['300602010002010' + '1', false], // r of zero
  ['3006020101020100', false], // s of zero
])('%s as an ECDSA signature: %s', (hex, is) => {
  expect(isDerEcdsaSignature(Buffer.from(hex, 'hex'))).toBe(is)
})

test('what is taken for DER is what OpenSSL takes for DER', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const data = Buffer.from('data')
  const signature = sign('sha256', data, privateKey)
  fc.assert(
    fc.property(fc.nat(signature.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const changed = Buffer.from(signature)
      changed[at] = byte
      expect(verify('sha256', data, publicKey, changed)).toBe(changed.equals(signature))
      if (changed.equals(signature)) expect(isDerEcdsaSignature(changed)).toBe(true)
    }),
  )
})

test.each(['Ed25519', 'Ed448'] as const)('public keys of %s are points, about half of all others are not', curve => {
  const random = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
  let points = 0
  fc.assert(
    fc.property(random(curve === 'Ed25519' ? 32 : 57), bytes => {
      if (curve === 'Ed448') bytes[56] = 0
      if (isEdwardsPoint(curve, bytes)) points++
    }),
    { numRuns: 200, seed: 1 },
  )
  expect(points).toBeGreaterThan(40)
  expect(points).toBeLessThan(160)
  for (let round = 0; round < 20; round++) {
    const x = makeKey(curve).cose.get(-2)
    expect(x instanceof Uint8Array && isEdwardsPoint(curve, x)).toBe(true)
  }
})

test.each([
  ['Ed25519', `01${'00'.repeat(31)}`, true], // the neutral element
  ['Ed25519', `01${'00'.repeat(30)}80`, false], // the same with the sign of a zero
  ['Ed25519', `02${'00'.repeat(31)}`, false],
  ['Ed25519', `ee${'ff'.repeat(30)}7f`, false], // y = p + 1
  ['Ed448', `01${'00'.repeat(56)}`, true],
  ['Ed448', `01${'00'.repeat(55)}80`, false],
  ['Ed448', `01${'00'.repeat(55)}01`, false], // y beyond p
  ['P-256', '00', false],
])('%s point %s: %s', (curve, hex, is) => {
  expect(isEdwardsPoint(curve, Buffer.from(hex, 'hex'))).toBe(is)
})

test.each(keyKinds)('%s keys come from COSE as they went in', kind => {
  const { publicKey, cose, algorithm } = makeKey(kind)
  const imported = importCoseKey(cose)
  expect(imported.algorithm).toBe(algorithm)
  expect(imported.key.equals(publicKey)).toBe(true)
})

test('a key is imported once for each credential and key', () => {
  const id = Buffer.from('credential')
  const publicKey = encode(makeKey('ES256').cose)
  const key = credentialKey(id, publicKey)
  expect(credentialKey(Buffer.from(id), Buffer.from(publicKey))).toBe(key)
  expect(credentialKey(Buffer.from('other'), publicKey)).not.toBe(key)
  expect(credentialKey(id, encode(makeKey('ES256').cose))).not.toBe(key)
})

test('the keys used last are kept', () => {
  const publicKey = encode(makeKey('ES256').cose)
  const id = (number: number) => Buffer.from(`kept-${number}`)
  const often = credentialKey(id(-1), publicKey)
  const once = credentialKey(id(-2), publicKey)
  for (let number = 0; number < 1100; number++) {
    credentialKey(id(number), publicKey)
    expect(credentialKey(id(-1), publicKey)).toBe(often)
  }
  expect(credentialKey(id(-2), publicKey)).not.toBe(once)
})

test('an INTEGER of 128 bytes is no part of a signature', () => {
  const r = Buffer.concat([Buffer.from([0x02, 0x80]), Buffer.alloc(128, 1)])
  const s = Buffer.from([0x02, 0x01, 0x01])
  expect(isDerEcdsaSignature(Buffer.concat([Buffer.from([0x30, 0x81, r.length + s.length]), r, s]))).toBe(false)
})
