import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Authenticator } from '../../../src/hid/authenticator.ts'
import { getInfo } from '../../../src/hid/ctap2/get-info.ts'
import { isCtapError } from '../../../src/hid/errors.ts'
import { concatBytes } from '../../../src/lib/bytes.ts'
import { type CborValue, encodeCbor } from '../../../src/lib/cbor.ts'
import { clientDataHash, registration } from '../../support/ceremony.ts'
import { scriptedAuthenticator } from '../../support/ctap2-authenticator.ts'
import { PinKey } from '../../support/pin-key.ts'
import { mapOf, ScriptedChannel } from '../../support/scripted-channel.ts'

/** Some value of CBOR, likely of the kinds that answers hold. */
const value: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer({ min: -30, max: 100 }),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
    fc.boolean(),
    fc.constant(null),
    fc.string(),
    fc.constantFrom('id', 'alg', 'FIDO_2_0', 'FIDO_2_1', 'clientPin', 'uv'),
    fc.uint8Array({ maxLength: 80 }),
    fc.constantFrom(16, 32, 48).map(length => new Uint8Array(length)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.oneof(fc.integer({ min: -4, max: 22 }), fc.string()), tie('value')), { maxLength: 6 })
      .map(members => mapOf(...members)),
  ),
})).value

/** The members of an answer: mostly maps with the keys that answers have. */
const members = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 0x18 }), value), { maxLength: 10 })
  .map(list => mapOf(...list))

/** Bytes that a key may send: random ones, statuses, CBOR of any kind. */
const answer: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.integer({ min: 0, max: 255 }).map(status => Uint8Array.of(status)),
  fc.oneof(members, value).map(item => concatBytes(Uint8Array.of(0), encodeCbor(item))),
  fc.tuple(members, fc.nat(200), fc.nat(255)).map(([item, at, byte]) => {
    const bytes = concatBytes(Uint8Array.of(0), encodeCbor(item))
    bytes[at % bytes.length] = byte
    return bytes
  }),
)

const request = { permissions: ['mc', 'ga'], rpId: 'example.com' } as const
const allowList = Array.from({ length: 30 }, (_, index) => ({ id: new Uint8Array(48).fill(index) }))
const assertion = { rpId: 'example.com', clientDataHash }

const operations: Record<string, (key: Authenticator) => Promise<unknown>> = {
  makeCredential: key => key.makeCredential({ ...registration(), excludeList: allowList }),
  getAssertion: key => key.getAssertion(assertion),
  'getAssertion among many': key => key.getAssertion({ ...assertion, allowList }),
  nextAssertion: key => key.nextAssertion(),
  hasCredential: key => key.hasCredential({ rpId: 'example.com', credentials: allowList }),
  select: key => key.select(),
  'verifyUser by PIN': key => key.verifyUser({ ...request, pin: '1234' }),
  'verifyUser by finger': key => key.verifyUser(request),
  pinRetries: key => key.pinRetries(),
  uvRetries: key => key.uvRetries(),
  setPin: key => key.setPin('1234'),
  changePin: key => key.changePin('1234', '5678'),
  reset: key => key.reset(),
}

/** Resolves when `attempt` ends as everything has to; fails with what else came out. */
async function endsWell(attempt: Promise<unknown>): Promise<void> {
  await attempt.catch(error => {
    if (!isCtapError(error)) throw error
  })
}

describe('whatever a key answers, there is a result or a typed error', () => {
  test('getInfo', async () => {
    await fc.assert(
      fc.asyncProperty(answer, bytes => endsWell(getInfo(new ScriptedChannel(() => bytes)))),
      { numRuns: 1000 },
    )
  })

  test.each(Object.entries(operations))('%s', async (name, operate) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(answer, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(1, 2),
        fc.boolean(),
        async (answers, protocol, first) => {
          const pinKey = new PinKey({ protocol, options: [['uv', true]] })
          if (name !== 'setPin') pinKey.setTo('1234')
          let asked = 0
          const { key } = await scriptedAuthenticator(each => {
            if (asked++ === 0) return pinKey.answer(each)
            // An honest key agreement lets the answers behind it matter.
            if (first && each.command === 6 && each.parameters.get(2) === 2) return pinKey.answer(each)
            return answers[asked % answers.length] ?? 0x7f
          })
          await endsWell(operate(key))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('an info of any kind, and any answers behind it', async () => {
    await fc.assert(
      fc.asyncProperty(
        members,
        fc.array(answer, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(...Object.values(operations)),
        async (more, answers, operate) => {
          const options = mapOf(['clientPin', true], ['uv', true], ['pinUvAuthToken', true])
          const info = mapOf(
            [4, options],
            ...[...more].flatMap(([key, item]) => (typeof key === 'number' ? [[key, item] as const] : [])),
            [1, ['FIDO_2_1']],
            [3, new Uint8Array(16)],
          )
          let asked = 0
          const { key } = await scriptedAuthenticator(() =>
            asked++ === 0 ? info : (answers[asked % answers.length] ?? 0x7f),
          )
          await endsWell(operate(key))
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('the checks above can fail', async () => {
    await expect(endsWell(Promise.reject(new TypeError('not one of ours')))).rejects.toThrow(TypeError)
  })
})
