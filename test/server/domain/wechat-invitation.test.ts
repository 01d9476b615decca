import { expect, test } from 'vitest'
import { drawQr } from '../../../src/cli/terminal/qr.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { invitationQr } from '../../../src/server/domain/bindings/wechat-invitation.ts'
import { defaultPolicy } from '../../../src/server/domain/domain.ts'
import { manualClock } from '../../support/manual-clock.ts'

const drawn = async (origin: string) => {
  const policy = { ...defaultPolicy, rpId: 'example.org', origins: [origin] }
  const { qr } = invitationQr({ clock: manualClock(), random: systemRandom, policy })
  const { columns, lines } = await drawQr(qr.payload)
  return { length: qr.payload.length, columns, rows: lines.length }
}

test('an origin of up to 28 characters gives a QR code as small as WeChat’s own', async () => {
  const wechats = await drawQr('http://weixin.qq.com/q/02abcdefghijklmnopqrst')
  const { length, columns, rows } = await drawn('https://accounts.example.org')
  expect(length).toBe(53)
  expect([columns, rows]).toEqual([wechats.columns, wechats.lines.length])
})

test('a longer one gives one that a terminal of 80 × 24 still has room for', async () => {
  const { columns, rows } = await drawn('https://accounts.security.example.org')
  expect(columns).toBeLessThan(80)
  expect(rows).toBeLessThan(24)
})
