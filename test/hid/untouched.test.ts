import { describe, expect, test } from 'vitest'
import type { Authenticator, CeremonyOptions } from '../../src/hid/index.ts'

import { untouchedIsLate } from '../../src/hid/untouched.ts'
import { clientDataHash, registration } from '../support/ceremony.ts'
import { scriptedAuthenticator } from '../support/ctap2-authenticator.ts'
import { manualClock } from '../support/manual-clock.ts'
import { mapOf, refusal } from '../support/scripted-channel.ts'

const info = mapOf(
  [1, ['FIDO_2_1']],
  [3, new Uint8Array(16)],
  [4, mapOf(['uv', true], ['pinUvAuthToken', true])],
  [6, [2]],
)
const rpId = 'example.com'
const asks: Readonly<Record<string, (key: Authenticator, options: CeremonyOptions) => Promise<unknown>>> = {
  makeCredential: (key, options) => key.makeCredential(registration(), options),
  getAssertion: (key, options) => key.getAssertion({ rpId, clientDataHash }, options),
  select: (key, options) => key.select(options),
  verifyUser: (key, options) => key.verifyUser({ permissions: ['mc'], rpId }, options),
  reset: (key, options) => key.reset(options),
}

describe('a key that says it was denied', () => {
  test.each(Object.entries(asks))('in %s: soon, somebody did; after 25 s, nobody touched it', async (_, ask) => {
    const clock = manualClock()
    let wait = 24_999
    const { key } = await scriptedAuthenticator(
      ({ command }) => {
        if (command === 4) return info
        clock.advance(wait)
        return 0x27
      },
      { clock },
    )
    expect((await refusal(ask(key, {}))).code).toBe('key_denied')
    wait = 25_000
    expect(await refusal(ask(key, {}))).toMatchObject({ code: 'key_timeout', details: { status: 0x27 } })
  })

  test('anything else stays what it is, however late', async () => {
    const clock = manualClock()
    const late = () => {
      clock.advance(60_000)
      return Promise.reject(new Error('odd'))
    }
    await expect(untouchedIsLate(clock, late)).rejects.toThrow('odd')
    expect(await untouchedIsLate(clock, async () => 7)).toBe(7)
  })
})
