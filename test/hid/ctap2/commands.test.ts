import { describe, expect, test } from 'vitest'
import { getAssertion } from '../../../src/hid/ctap2/get-assertion.ts'
import { getInfo } from '../../../src/hid/ctap2/get-info.ts'
import { makeCredential } from '../../../src/hid/ctap2/make-credential.ts'
import { statusError, statusName, statusNames } from '../../../src/hid/ctap2/status.ts'
import type { Channel } from '../../../src/hid/ctaphid/channel.ts'
import { CtapError, keyErrorCodes } from '../../../src/hid/errors.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { type CborValue, encodeCbor } from '../../../src/lib/cbor.ts'

/** A channel that notes the requests and gives one answer. */
function answering(answer: string) {
  const requests: string[] = []
  const channel: Channel = {
    id: 1,
    protocolVersion: 2,
    deviceVersion: [0, 0, 0],
    capabilities: 4,
    async call(command, payload) {
      expect(command).toBe(0x10)
      requests.push(toHex(payload))
      return fromHex(answer)
    },
  }
  return { channel, requests }
}

const answer = (members: [number, CborValue][]) => `00${toHex(encodeCbor(new Map(members)))}`
const hash = new Uint8Array(32).fill(0xab)
const hashHex = `5820${'ab'.repeat(32)}`

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    error => (error instanceof CtapError ? error.code : String(error)),
  )
}

describe('makeCredential', () => {
  const credential = answer([
    [1, 'packed'],
    [2, Uint8Array.of(1, 2)],
    [3, new Map([['alg', -7]])],
  ])
  const least = {
    clientDataHash: hash,
    rp: { id: 'a.b' },
    user: { id: Uint8Array.of(9) },
    pubKeyCredParams: [{ alg: -7 }],
  }
  const params = '0481a263616c672664747970656a7075626c69632d6b6579'

  test('sends only what is given', async () => {
    const { channel, requests } = answering(credential)
    const result = await makeCredential(channel, { ...least, excludeList: [], options: { rk: undefined } })
    expect(requests).toEqual([`01a401${hashHex}02a162696463612e6203a16269644109${params}`])
    expect(result).toEqual({ fmt: 'packed', authData: Uint8Array.of(1, 2), attStmt: new Map([['alg', -7]]) })
  })

  test('sends all that is given, keys sorted', async () => {
    const { channel, requests } = answering(credential)
    await makeCredential(channel, {
      ...least,
      rp: { name: 'N', id: 'a.b' },
      user: { displayName: 'D', name: 'n', id: Uint8Array.of(9) },
      excludeList: [{ id: Uint8Array.of(7), transports: ['usb'] }],
      extensions: new Map([['credProtect', 2]]),
      options: { up: true, uv: false, rk: true },
      token: { protocol: 1, authenticate: () => Uint8Array.of(5) },
    })
    const rp = '02a262696463612e62646e616d65614e'
    const user = '03a362696441096'.concat('46e616d65616e6b646973706c61794e616d656144')
    const exclude = '0581a26269644107' + '64747970656a7075626c69632d6b6579'
    const extensions = '06a16b6372656450726f7465637402'
    const options = '07a362726bf5627570f5627576f4'
    expect(requests).toEqual([`01a901${hashHex}${rp}${user}${params}${exclude}${extensions}${options}0841050901`])
  })

  test.each([
    ['', 'key_protocol'],
    ['00', 'key_protocol'],
    ['0080', 'key_protocol'],
    ['00a0ff', 'key_protocol'],
    ['00a1', 'key_protocol'],
    ['00a201617801617900', 'key_protocol'],
    [answer([[1, 'none']]), 'key_protocol'],
    [
      answer([
        [1, 'none'],
        [2, 'text'],
        [3, new Map()],
      ]),
      'key_protocol',
    ],
    [
      answer([
        [1, 'none'],
        [2, hash],
        [3, 'text'],
      ]),
      'key_protocol',
    ],
    [
      answer([
        [1, 'none'],
        [2, hash],
      ]),
      'none',
    ],
    ['36', 'key_pin_required'],
    ['19', 'key_excluded'],
    ['27', 'key_denied'],
    ['28', 'key_full'],
  ])('an answer of %s gives %s', async (bytes, code) => {
    expect(await codeOf(makeCredential(answering(bytes).channel, least))).toBe(code)
  })

  test('is not sent when it is longer than the key takes', async () => {
    const { channel, requests } = answering(credential)
    expect(await codeOf(makeCredential(channel, least, { maxMessageSize: 50 }))).toBe('key_request_too_large')
    expect(requests).toEqual([])
  })
})

describe('getAssertion', () => {
  const request = { rpId: 'a.b', clientDataHash: hash, allowList: [{ id: Uint8Array.of(7) }] }
  const signed: [number, CborValue][] = [
    [2, Uint8Array.of(1)],
    [3, Uint8Array.of(2)],
  ]

  test('sends only what is given; the one credential allowed need not be named in the answer', async () => {
    const { channel, requests } = answering(answer(signed))
    const result = await getAssertion(channel, { ...request, options: { up: false } })
    const allow = '0381a26269644107' + '64747970656a7075626c69632d6b6579'
    expect(requests).toEqual([`02a40163612e6202${hashHex}${allow}05a1627570f4`])
    expect(result).toEqual({
      credentialId: Uint8Array.of(7),
      authData: Uint8Array.of(1),
      signature: Uint8Array.of(2),
      userHandle: undefined,
      numberOfCredentials: 1,
    })
  })

  test('reads credential, user and number', async () => {
    const members: [number, CborValue][] = [
      [1, new Map([['id', Uint8Array.of(3)]])],
      ...signed,
      [4, new Map([['id', Uint8Array.of(4)]])],
      [5, 2],
    ]
    const result = await getAssertion(answering(answer(members)).channel, { ...request, allowList: undefined })
    expect(result).toMatchObject({
      credentialId: Uint8Array.of(3),
      userHandle: Uint8Array.of(4),
      numberOfCredentials: 2,
    })
  })

  test('needs to know which credential signed', async () => {
    const two = { ...request, allowList: [{ id: Uint8Array.of(7) }, { id: Uint8Array.of(8) }] }
    expect(await codeOf(getAssertion(answering(answer(signed)).channel, two))).toBe('key_protocol')
    expect(await codeOf(getAssertion(answering('2e').channel, two))).toBe('key_no_credentials')
  })
})

describe('getInfo', () => {
  const aaguid = new Uint8Array(16).fill(3)
  const least: [number, CborValue][] = [
    [1, ['FIDO_2_0']],
    [3, aaguid],
  ]

  test('has defaults', async () => {
    const { channel, requests } = answering(answer(least))
    const info = await getInfo(channel)
    expect(requests).toEqual(['04'])
    expect(info).toMatchObject({ versions: ['FIDO_2_0'], aaguid, extensions: [], maxMsgSize: 1024, algorithms: [] })
    expect(info.options).toEqual(new Map())
  })

  test('reads a CTAP 2.1 key, and keeps what it does not know', async () => {
    const members: [number, CborValue][] = [
      [1, ['U2F_V2', 'FIDO_2_0', 'FIDO_2_1']],
      [2, ['credProtect', 'hmac-secret']],
      [3, aaguid],
      [
        4,
        new Map<string, CborValue>([
          ['rk', true],
          ['clientPin', false],
          ['new', 'odd'],
        ]),
      ],
      [5, 1200],
      [6, [2, 1]],
      [7, 8],
      [8, 128],
      [9, ['nfc', 'usb']],
      [
        10,
        [
          new Map<string, CborValue>([
            ['alg', -7],
            ['type', 'public-key'],
          ]),
          new Map([['alg', -8]]),
          'odd',
        ],
      ],
      [13, 6],
      [14, 328966],
      [99, new Map([['x', [1, null]]])],
    ]
    const info = await getInfo(answering(answer(members)).channel)
    expect(info).toMatchObject({
      versions: ['U2F_V2', 'FIDO_2_0', 'FIDO_2_1'],
      extensions: ['credProtect', 'hmac-secret'],
      maxMsgSize: 1200,
      pinUvAuthProtocols: [2, 1],
      maxCredentialCountInList: 8,
      maxCredentialIdLength: 128,
      transports: ['nfc', 'usb'],
      algorithms: [-7, -8],
      minPinLength: 6,
      firmwareVersion: 328966,
    })
    expect(Object.fromEntries(info.options)).toEqual({ rk: true, clientPin: false })
    expect(info.members.get(99)).toEqual(new Map([['x', [1, null]]]))
  })

  test('takes keys out of order, but none twice', async () => {
    const disordered = `00a20350${'03'.repeat(16)}0181684649444f5f325f30`
    expect(await codeOf(getInfo(answering(disordered).channel))).toBe('none')
    const doubled = `00a30350${'03'.repeat(16)}0181684649444f5f325f300180`
    expect(await codeOf(getInfo(answering(doubled).channel))).toBe('key_protocol')
  })

  test.each([
    ['no versions', answer([[3, aaguid]])],
    ['no AAGUID', answer([[1, ['FIDO_2_0']]])],
    [
      'an AAGUID of 15 bytes',
      answer([
        [1, ['FIDO_2_0']],
        [3, new Uint8Array(15)],
      ]),
    ],
  ])('refuses %s', async (_, bytes) => expect(await codeOf(getInfo(answering(bytes).channel))).toBe('key_protocol'))
})

describe('status codes', () => {
  test('each has an error with a listed code, its number and its name', () => {
    for (let status = 1; status <= 0xff; status++) {
      const error = statusError(status)
      expect(keyErrorCodes).toContain(error.code)
      expect(error.details).toEqual({ status, statusName: statusName(status) })
    }
  })

  test.each([
    [0x27, 'key_denied'],
    [0x2d, 'key_cancelled'],
    [0x2f, 'key_timeout'],
    [0x31, 'key_pin_invalid'],
    [0x32, 'key_pin_blocked'],
    [0x34, 'key_pin_auth_blocked'],
    [0x3c, 'key_uv_blocked'],
    [0x01, 'key_unsupported'],
    [0x22, 'key_no_credentials'],
    [0x3e, 'key_unsupported_option'],
    [0x40, 'key_unsupported_option'],
    [0x7f, 'key_refused'],
    [0xf1, 'key_refused'],
  ])('0x%s is %s', (status, code) => expect(statusError(status).code).toBe(code))

  test('the table has every code of CTAP 2.1, those of 2.0 and its drafts, and names ranges', () => {
    const ctap21 = [
      '00010203040506 0a0b 1112 1415 171819 2122232425262728 2b2c2d2e2f',
      '3031323334353637 393a3b3c3d3e3f 40 7f df',
    ]
    const listed = [...fromHex(ctap21.join('').replaceAll(' ', '')), ...fromHex('101316292a38')]
    expect(new Set(statusNames.keys())).toEqual(new Set(listed))
    expect([0xe0, 0xf3, 0x50].map(statusName)).toEqual(['CTAP2_ERR_EXTENSION', 'CTAP2_ERR_VENDOR', 'unassigned'])
  })
})
