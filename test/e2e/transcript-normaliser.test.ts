import { describe, expect, it } from 'vitest'
import { normalise } from '../support/transcript.ts'

describe('the normaliser of transcripts', () => {
  it.each([
    [
      'Logged in to http://localhost:34051 until 2026-11-29 13:44.',
      'Logged in to http://localhost:PORT until YYYY-MM-DD hh:mm.',
    ],
    ['until 2026-11-29\n13:44.', 'until YYYY-MM-DD\nhh:mm.'],
    ['Password  set  2026-11-22  2026-11-23  hufu passwd', 'Password  set  YYYY-MM-DD  YYYY-MM-DD  hufu passwd'],
    ['secret: 2BVS W6E3 5MPF CMFI YQGE WNUT OTFJ V6GF', 'secret: SSSS SSSS SSSS SSSS SSSS SSSS SSSS SSSS'],
    ['    kftv-mesx-skjq-3qz9', '    xxxx-xxxx-xxxx-xxxx'],
    ['  SeHXKACCnGY-8Q3B4lg9Qg  2026-11-22 13:59', `  ${'I'.repeat(22)}  YYYY-MM-DD hh:mm`],
    ['--before 1795355944793-SeHXKACCnGY-8Q3B4lg9Qg', `--before ${'N'.repeat(13)}-${'I'.repeat(22)}`],
    ['6-digit code: 012345', '6-digit code: CCCCCC'],
    ['oawV***ZoiZ', 'oOOO***OOOO'],
    ['▄▄█▀ ▀█', '▒▒▒▒▒▒▒'],
    ['in 1 second, in 59 seconds', 'in N seconds, in N seconds'],
    ['请在 59 秒后', '请在 N 秒后'],
    ['scan … 4:59 left for this QR code, 14:59 in all', 'scan … M:SS left for this QR code, M:SS in all'],
    ['扫码… 二维码剩余 4:59，总共剩余 14:59', '扫码… 二维码剩余 M:SS，总共剩余 M:SS'],
    ['hufu/0.1.0 (linux)', 'hufu/VERSION (PLATFORM)'],
  ])('has a placeholder for what differs in %j', (told, normal) => expect(normalise(told)).toBe(normal))

  it.each([
    'Phone         138****8000      not set',
    'A code is on its way to +8613800138000.',
    'Give a mobile number, with its country: +8613800138000.',
    'g***n@e***e.org',
    'New password (at least 6 characters, case matters): ••••••',
    '--new-password-file <file>  new password',
    '10 recovery codes left.',
    'udp:HOST:PORT',
    '✔ 6 位验证码（输入 r 重新发送）：',
    'insufficient_user_authentication',
  ])('leaves %j as it is', told => expect(normalise(told)).toBe(told))

  it('keeps every column where it is', () => {
    const row = '  SeHXKACCnGY-8Q3B4lg9Qg  2026-11-22 13:59  127.0.0.1  kftv-mesx-skjq-3qz9  oawV***ZoiZ  ▄█ ▀'
    expect(normalise(row)).toHaveLength(row.length)
  })
})
