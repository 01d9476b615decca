import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contactChanges } from '../../support/contact-changes.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'

let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

let made = 0

describe('a notice', () => {
  const told = async (reach: 'off' | 'unserved', configured: boolean): Promise<string[]> => {
    const { domain } = world.services
    const outbox: typeof domain.outbox = {
      ...domain.outbox,
      reach: (channel, to) => (channel === 'phone' ? reach : domain.outbox.reach(channel, to)),
      isConfigured: channel => channel === 'email' || configured,
    }
    const some = contactChanges({ ...domain, outbox })
    const email = `${++made}@example.org`
    const phone_number = `+8613500000${made}00`
    const account = await some.account({ email_address: email, email_key: email, phone_number })
    await some.change(account, 'email', `new-${email}`)
    return some.sent.map(({ channel }) => channel)
  }

  test('waits for a channel that is off just now', async () => {
    expect(await told('off', true)).toEqual(['email', 'phone', 'email'])
  })

  test('is not written for a channel that nobody set up, nor for a country that nobody serves', async () => {
    expect(await told('off', false)).toEqual(['email', 'email'])
    expect(await told('unserved', true)).toEqual(['email', 'email'])
  })
})
