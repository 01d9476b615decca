import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/lib/bytes.ts'
import { encodeCbor } from '../../../src/lib/cbor.ts'
import { scriptedAuthenticator } from '../../support/ctap2-authenticator.ts'
import { type Ctap2Answer, mapOf, refusal } from '../../support/scripted-channel.ts'

const made = mapOf([1, 'none'], [2, new Uint8Array(37)], [3, mapOf()])

function keyOf(
  versions: string[],
  options: readonly (readonly [string, boolean])[],
  answers: { readonly selection?: Ctap2Answer; readonly credential?: Ctap2Answer },
  protocols = [1],
) {
  const info = mapOf([1, versions], [3, new Uint8Array(16)], [4, mapOf(...options)], [6, protocols])
  return scriptedAuthenticator(({ command }) => {
    if (command === 4) return info
    return (command === 0x0b ? answers.selection : answers.credential) ?? 0x7f
  })
}

describe('a key of CTAP 2.1 and later', () => {
  test.each(['FIDO_2_1', 'FIDO_2_2', 'FIDO_2_3'])('%s is asked by authenticatorSelection', async version => {
    const { key, channel } = await keyOf(['U2F_V2', version], [['clientPin', true]], { selection: mapOf() })
    await key.select({ onTouchNeeded: () => {} })
    expect(channel.sent).toEqual(['b'])
    expect(channel.requests[0]?.parameters.size).toBe(0)
    expect(channel.options[0]?.onKeepalive).toBeTypeOf('function')
  })

  test.each([
    [0x27, 'key_denied'],
    [0x2d, 'key_cancelled'],
    [0x2f, 'key_timeout'],
    [0x3a, 'key_timeout'],
    [0x31, 'key_pin_invalid'],
  ])('answering 0x%s is %s', async (selection, code) => {
    const { key } = await keyOf(['FIDO_2_1'], [], { selection })
    expect((await refusal(key.select())).code).toBe(code)
  })

  test('that does not know the command after all is asked in the old way', async () => {
    const { key, channel } = await keyOf(['FIDO_2_1'], [['clientPin', false]], { selection: 0x01, credential: 0x35 })
    await key.select()
    expect(channel.sent).toEqual(['b', '1'])
  })
})

describe('a key of CTAP 2.0', () => {
  test.each([
    [true, 0x31],
    [false, 0x35],
    [true, 0x33],
  ])('whose PIN is set: %s, is asked with an empty pinUvAuthParam, and 0x%s means touched', async (isSet, status) => {
    const { key, channel } = await keyOf(['FIDO_2_0', 'FIDO_2_1_PRE'], [['clientPin', isSet]], { credential: status })
    await key.select()
    const parameters = channel.requests[0]?.parameters ?? mapOf()
    expect(channel.sent).toEqual(['1'])
    expect(toHex(encodeCbor(parameters))).toBe(
      `a6015820${'00'.repeat(32)}02a1626964662e64756d6d79` +
        `03a26269644101646e616d656564756d6d790481a263616c672664747970656a7075626c69632d6b657908400901`,
    )
  })

  test('with protocol 2 alone is told that', async () => {
    const { key, channel } = await keyOf(['FIDO_2_0'], [['clientPin', true]], { credential: 0x31 }, [2])
    await key.select()
    expect(channel.requests[0]?.parameters.get(9)).toBe(2)
  })

  test('without PINs makes a credential that nobody keeps', async () => {
    const { key, channel } = await keyOf(['FIDO_2_0'], [['rk', true]], { credential: made })
    await key.select()
    const parameters = channel.requests[0]?.parameters ?? mapOf()
    expect([...parameters.keys()]).toEqual([1, 2, 3, 4])
  })

  test.each([
    [0x27, 'key_denied'],
    [0x2d, 'key_cancelled'],
    [0x2f, 'key_timeout'],
    [0x34, 'key_pin_auth_blocked'],
  ])('answering 0x%s is %s', async (credential, code) => {
    const { key } = await keyOf(['FIDO_2_0'], [['clientPin', true]], { credential })
    expect((await refusal(key.select())).code).toBe(code)
  })
})
