import { expect, test } from 'vitest'
import { map, RawPlatform } from '../../support/raw-platform.ts'

test('a key in its first state', async () => {
  const info = await new RawPlatform().info()
  expect([...info.keys()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14])
  expect(info.get(1)).toEqual(['U2F_V2', 'FIDO_2_0', 'FIDO_2_1'])
  expect(info.get(2)).toEqual(['credProtect'])
  expect(info.get(4)).toEqual(
    map([
      ['rk', true],
      ['up', true],
      ['plat', false],
      ['alwaysUv', false],
      ['clientPin', false],
      ['pinUvAuthToken', true],
      ['makeCredUvNotRqd', true],
    ]),
  )
  expect([5, 6, 7, 8, 9, 12, 13].map(member => info.get(member))).toEqual([2048, [2, 1], 16, 32, ['usb'], false, 4])
})

test('what it is made to be', async () => {
  const raw = new RawPlatform({
    userVerification: 'fingerprint',
    preferredPlatformUvAttempts: 2,
    pinUvAuthProtocols: [1],
    pin: '123456',
    minPinLength: 6,
    alwaysUv: true,
    makeCredUvNotRqd: true,
    algorithms: [-8, -7],
    maxMsgSize: 1200,
    maxCredentialCountInList: 2,
    maxCredentialIdLength: 128,
    extraInfo: map([
      [14, 99],
      [0x55, map([['future', true]])],
    ]),
  })
  const info = await raw.info()
  const algorithm = (alg: number) =>
    map([
      ['alg', alg],
      ['type', 'public-key'],
    ])
  expect(new Map([5, 6, 7, 8, 10, 13, 14, 0x11, 0x12, 0x55].map(member => [member, info.get(member)]))).toEqual(
    new Map<number, unknown>([
      [5, 1200],
      [6, [1]],
      [7, 2],
      [8, 128],
      [10, [algorithm(-8), algorithm(-7)]],
      [13, 6],
      [14, 99],
      [0x11, 2],
      [0x12, 2],
      [0x55, map([['future', true]])],
    ]),
  )
  for (const [name, value] of Object.entries({ uv: true, clientPin: true, alwaysUv: true, makeCredUvNotRqd: false })) {
    expect([name, await raw.option(name)]).toEqual([name, value])
  }
})
