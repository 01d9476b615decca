import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hufu, startHufu } from '../support/hufu.ts'
import { until } from '../support/until.ts'

/** Where a demo puts what it needs for as long as it runs. */
const freshTemporary = () => mkdtempSync(join(tmpdir(), 'hufu-demo-test-'))

describe('hufu demo without a terminal', () => {
  it.each(['en', 'zh-CN'])('walks all six flows in %s and leaves nothing behind', async lang => {
    const temporary = freshTemporary()
    const run = await hufu(['demo', '--lang', lang], { env: { TMPDIR: temporary } })
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.last).toMatchObject({
      ok: true,
      flows: ['password', 'phone', 'email', 'totp', 'webauthn', 'wechat'],
    })
    const pages = run.events.filter(({ event, page }) => event === 'progress' && page !== undefined)
    const set = pages.map(({ items }) => (items as { set: boolean }[]).map(item => item.set))
    expect(set).toEqual([
      [true, false, true, false, false, false],
      [true, true, true, true, true, true],
    ])
    expect(readdirSync(temporary)).toEqual([])
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with its server on %s', async signal => {
    const temporary = freshTemporary()
    const running = startHufu(['demo'], { env: { TMPDIR: temporary } })
    await running.seen('code_sent')
    expect(readdirSync(temporary)).not.toEqual([])
    running.kill(signal)
    expect((await running.finished).exitCode).toBe(130)
    await until('the folders are gone', () => (readdirSync(temporary).length === 0 ? true : undefined))
  })
})
