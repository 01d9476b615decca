import { describe, expect, it } from 'vitest'
import { authenticate, register } from '../../../src/auth/webauthn/ceremonies.ts'
import type { UserVerification } from '../../../src/auth/webauthn/user-verification.ts'
import { type Authenticator, type AuthenticatorSource, CtapError } from '../../../src/hid/index.ts'
import { concatBytes } from '../../../src/lib/bytes.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { ScriptedInteraction } from '../scripted-interaction.ts'

const authData = concatBytes(
  new Uint8Array(32),
  Uint8Array.of(0x41, 0, 0, 0, 1),
  new Uint8Array(16),
  Uint8Array.of(0, 1, 7, 0xa0),
)

/** A key of these options that notes what it is asked for. */
function keyOf(options: Readonly<Record<string, boolean>>) {
  const asked: unknown[] = []
  const key: Authenticator = {
    name: 'key',
    path: '/dev/key',
    info: {
      versions: ['FIDO_2_1'],
      extensions: [],
      aaguid: new Uint8Array(16),
      options: new Map(Object.entries(options)),
      maxMsgSize: 1200,
      pinUvAuthProtocols: [],
      maxCredentialCountInList: undefined,
      maxCredentialIdLength: undefined,
      transports: [],
      algorithms: [],
      minPinLength: undefined,
      firmwareVersion: undefined,
      members: new Map(),
    },
    async makeCredential(parameters) {
      asked.push(parameters)
      return { fmt: 'none', attStmt: new Map(), authData }
    },
    async getAssertion(parameters) {
      asked.push(parameters)
      const signature = Uint8Array.of(1)
      return { credentialId: Uint8Array.of(7), authData, signature, userHandle: undefined, numberOfCredentials: 1 }
    },
    close: async () => {},
  }
  return { key, asked }
}

function toolsOf(...keys: Authenticator[]) {
  let closed = 0
  const source: AuthenticatorSource = {
    list: async () => keys,
    wait: async () => keys,
    close: async () => {
      closed++
    },
  }
  return {
    origin: 'https://example.org',
    interaction: new ScriptedInteraction(),
    clock: systemClock,
    openAuthenticators: () => source,
    closed: () => closed,
  }
}

type Selection = NonNullable<Parameters<typeof register>[0]['authenticatorSelection']>
const creation = (authenticatorSelection?: Selection) => ({
  rp: { id: 'example.org', name: 'Example' },
  user: { id: 'AAAA', name: 'alice', displayName: 'Alice' },
  challenge: 'x'.repeat(43),
  pubKeyCredParams: [{ type: 'public-key' as const, alg: -7 }],
  ...(authenticatorSelection ? { authenticatorSelection } : {}),
})

describe('user verification', () => {
  it.each<[UserVerification, Record<string, boolean>, true | undefined | string]>([
    ['required', { uv: true }, true],
    ['required', { uv: false, clientPin: true }, 'key_pin_required'],
    ['required', { clientPin: true }, 'key_pin_required'],
    ['required', { clientPin: false }, 'key_pin_not_set'],
    ['required', {}, 'key_pin_not_set'],
    ['preferred', { uv: true }, true],
    ['preferred', { uv: false, clientPin: true }, undefined],
    ['preferred', {}, undefined],
    ['discouraged', { uv: true }, undefined],
  ])('%s of a key with %j is %s', async (userVerification, options, expected) => {
    const { key, asked } = keyOf(options)
    const both = [
      () => register(creation({ userVerification }), toolsOf(key)),
      () => authenticate({ challenge: 'x'.repeat(43), userVerification }, toolsOf(key)),
    ]
    for (const ceremony of both) {
      if (typeof expected === 'string') await expect(ceremony()).rejects.toMatchObject({ code: expected })
      else await ceremony()
    }
    if (typeof expected === 'string') expect(asked).toEqual([])
    else expect(asked).toMatchObject([{ options: { uv: expected } }, { options: { uv: expected } }])
  })
})

describe('a place on the key', () => {
  it.each<[Selection | undefined, Record<string, boolean>, true | undefined | string]>([
    [{ residentKey: 'required' }, { rk: true }, true],
    [{ residentKey: 'required' }, { rk: false }, 'key_unsupported_option'],
    [{ requireResidentKey: true }, { rk: true }, true],
    [{ residentKey: 'discouraged', requireResidentKey: true }, { rk: true }, undefined],
    [{ residentKey: 'preferred' }, { rk: true, uv: true }, true],
    [{ residentKey: 'preferred' }, { rk: true }, undefined],
    [{ residentKey: 'preferred' }, {}, undefined],
    [undefined, { rk: true, uv: true }, undefined],
  ])('for %j of a key with %j is %s', async (selection, options, expected) => {
    const { key, asked } = keyOf(options)
    const made = register(creation(selection), toolsOf(key))
    if (typeof expected === 'string') await expect(made).rejects.toMatchObject({ code: expected })
    else {
      await made
      expect(asked).toMatchObject([{ options: { rk: expected } }])
    }
  })
})

describe('several keys', () => {
  it('of which one cannot, leave it to the others', async () => {
    const [plain, verifying] = [keyOf({}), keyOf({ uv: true })]
    await register(creation({ userVerification: 'required' }), toolsOf(plain.key, verifying.key))
    expect([plain.asked.length, verifying.asked.length]).toEqual([0, 1])
  })

  it('that all cannot, say why the first cannot', async () => {
    const [pin, plain] = [keyOf({ clientPin: true }), keyOf({})]
    const made = register(creation({ userVerification: 'required' }), toolsOf(pin.key, plain.key))
    await expect(made).rejects.toMatchObject({ code: 'key_pin_required' })
  })

  it('are closed after the ceremony, whatever came of it', async () => {
    const { key } = keyOf({})
    const good = toolsOf(key)
    await register(creation(), good)
    const bad = toolsOf({ ...key, makeCredential: async () => Promise.reject(new CtapError('key_unplugged', 'gone')) })
    await expect(register(creation(), bad)).rejects.toMatchObject({ code: 'key_unplugged' })
    expect([good.closed(), bad.closed()]).toEqual([1, 1])
  })
})

it('a key that says nothing of transports is on USB', async () => {
  expect((await register(creation(), toolsOf(keyOf({}).key))).response.transports).toEqual(['usb'])
})
