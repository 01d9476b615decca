import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BulkWorld, openBulkWorld } from '../../../support/bulk-world.ts'

describe('rows of a run', () => {
  let world: BulkWorld

  beforeEach(async () => {
    world = await openBulkWorld()
    await world.accounts('anna', 'ben', 'cleo')
  })
  afterEach(() => world.close())

  test('bind a phone and an address, each with an event and notices', async () => {
    const results = await world.rebind([
      { row: 1, username: 'Anna', phone: '13800138001' },
      { row: 2, username: 'ben', email: 'Ben@New.example' },
    ])
    expect(results).toEqual([
      {
        row: 1,
        username: 'anna',
        status: 'applied',
        code: null,
        owner: null,
        changes: [{ item: 'phone', old: null, new: '138****8001' }],
        links: [],
      },
      {
        row: 2,
        username: 'ben',
        status: 'applied',
        code: null,
        owner: null,
        changes: [{ item: 'email', old: 'b***n@e***e.com', new: 'B***n@N***w.example' }],
        links: [],
      },
    ])
    expect((await world.account('anna')).phone_number).toBe('+8613800138001')
    expect(await world.account('ben')).toMatchObject({ email_address: 'Ben@New.example', email_key: 'ben@new.example' })
    const [event, ...others] = await world.events('anna')
    expect(others).toEqual([])
    expect(event).toMatchObject({ action: 'admin.rebind', actor: 'token:script' })
    expect(JSON.parse(event?.details ?? '')).toEqual({ 'phone.new': '138****8001', reason: 'test' })
    await expect.poll(() => world.sent.length).toBe(4)
    expect(world.sent.map(({ to }) => to).sort()).toEqual(
      ['+8613800138001', 'Ben@New.example', 'anna@example.com', 'ben@example.com'].sort(),
    )
  })

  test('hand a number on from one row to the next', async () => {
    await world.rebind([{ row: 1, username: 'anna', phone: '13800138001' }])
    const results = await world.rebind([
      { row: 1, username: 'anna', phone: '13800138002' },
      { row: 2, username: 'ben', phone: '13800138001' },
      { row: 3, username: 'cleo', phone: '13800138002' },
    ])
    expect(results.map(({ status, code, owner }) => ({ status, code, owner }))).toEqual([
      { status: 'applied', code: null, owner: null },
      { status: 'applied', code: null, owner: null },
      { status: 'failed', code: 'bound_elsewhere', owner: 'anna' },
    ])
    expect((await world.account('ben')).phone_number).toBe('+8613800138001')
  })
})
