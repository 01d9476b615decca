import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concatBytes } from '../../../src/lib/bytes.ts'
import { type CborValue, encodeCbor } from '../../../src/lib/cbor.ts'
import { type Profile, SoftwareAuthenticator } from '../../../src/simulators/security-key/index.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const profiles: Profile[] = ['ctap2.1', 'ctap2.0']
const leaf = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('id', 'type', 'alg', 'public-key', 'example.com', 'rk', 'up', 'uv', 'credProtect'),
  fc.uint8Array({ maxLength: 70 }),
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
)
const entriesOf = (value: fc.Arbitrary<CborValue>): fc.Arbitrary<CborValue> =>
  fc
    .uniqueArray(
      fc.tuple(
        fc.oneof(fc.constantFrom('id', 'type', 'alg', 'rk', 'up', 'uv', 'name'), fc.integer({ min: -3, max: 3 })),
        value,
      ),
      { selector: ([key]) => key, maxLength: 5 },
    )
    .map(entries => new Map(entries))
const value = fc.oneof(leaf, entriesOf(leaf), fc.array(fc.oneof(leaf, entriesOf(leaf)), { maxLength: 3 }))
const request = fc
  .tuple(
    fc.integer({ min: 0, max: 14 }),
    fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 11 }), value), { selector: ([key]) => key, maxLength: 11 }),
  )
  .map(([command, members]) => concatBytes(Uint8Array.of(command), encodeCbor(new Map(members))))

const keyOf = (profile: Profile) => new SoftwareAuthenticator({ random: seededRandom('hostile'), profile, pin: '1234' })

test.each(profiles)('whatever CBOR a %s key is sent, it answers with a status', async profile => {
  const key = keyOf(profile)
  await fc.assert(
    fc.asyncProperty(request, async bytes => {
      expect((await key.answer(bytes, async () => 'touched')).length).toBeGreaterThan(0)
    }),
    { numRuns: 500 },
  )
})

test.each(profiles)('whatever bytes a %s key is sent, it answers', async profile => {
  const key = keyOf(profile)
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async bytes => {
      expect((await key.answer(bytes, async () => 'touched')).length).toBeGreaterThan(0)
      expect(key.answerU2f(bytes, () => true).length).toBeGreaterThanOrEqual(2)
    }),
    { numRuns: 300 },
  )
})
