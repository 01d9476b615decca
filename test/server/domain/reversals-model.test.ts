import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createReversals, type Reversals } from '../../../src/server/domain/reversals.ts'
import { type ContactChanges, contactChanges, type Item } from '../../support/contact-changes.ts'
import { caller, openServerWorld, type ServerWorld } from '../../support/server-world.ts'

const hour = 60 * 60_000
const owner = { ...caller, source: '203.0.113.9' }

let world: ServerWorld
let changes: ContactChanges
let reversals: Reversals

beforeAll(async () => {
  world = await openServerWorld()
  changes = contactChanges(world.services.domain)
  reversals = createReversals(changes.domain)
})
afterAll(() => world.close())

let runs = 0

test('any sequence of changes and uses of links, of several accounts, ends where a simple model does', async () => {
  type Step =
    | { do: 'change'; item: Item; value: number }
    | { do: 'use'; link: number }
    | { do: 'wait'; hours: number }
    | { do: 'taken'; item: Item; value: number }
  const item = fc.constantFrom<Item>('phone', 'email')
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('change' as const), item, value: fc.integer({ min: 0, max: 3 }) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('use' as const), link: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), hours: fc.constantFrom(1, 24, 48) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('taken' as const), item, value: fc.integer({ min: 1, max: 3 }) }),
    },
  )

  interface Link {
    readonly secret: string
    readonly item: Item
    readonly before: string | null
    readonly until: number
    ended: boolean
  }

  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), async steps => {
      const run = ++runs
      const name = (of: Item, value: number) =>
        of === 'phone' ? `+861${String(run).padStart(6, '0')}${value}` : `${value}@run-${run}.example`
      const account = await changes.account({
        phone_number: name('phone', 0),
        email_address: name('email', 0),
        email_key: name('email', 0),
      })
      const neighbour = await changes.account({})
      const bound: Record<Item, string | null> = { phone: name('phone', 0), email: name('email', 0) }
      const theirs: Record<Item, string | null> = { phone: null, email: null }
      const links: Link[] = []
      const isLive = (link: Link) => !link.ended && link.until > world.clock.now()

      for (const each of steps) {
        if (each.do === 'wait') world.clock.advance(each.hours * hour)
        if (each.do === 'taken') {
          const value = name(each.item, each.value)
          if (bound[each.item] === value) continue
          await changes.domain.store.transaction(queries =>
            queries.accounts.setContact(neighbour.id, each.item, { value, key: value }, 0),
          )
          theirs[each.item] = value
        }
        if (each.do === 'change') {
          const value = each.value === 0 ? null : name(each.item, each.value)
          const before = bound[each.item]
          if (value === before || (value !== null && theirs[each.item] === value)) continue
          const holders = (['phone', 'email'] as const).filter(
            of => bound[of] !== null && !links.some(link => link.item === of && isLive(link)),
          )
          const told = await changes.change(account, each.item, value)
          const holding = [...told].flatMap(([to, secret]) => (secret === undefined ? [] : [to]))
          expect(holding.sort()).toEqual(holders.map(of => bound[of] ?? '').sort())
          const secret = [...told.values()].find(found => found !== undefined)
          if (secret)
            links.push({ secret, item: each.item, before, until: world.clock.now() + 72 * hour, ended: false })
          bound[each.item] = value
        }
        if (each.do === 'use') {
          const index = links.length - 1 - each.link
          const link = links[index]
          if (!link) continue
          const { state } = await reversals.revert(link.secret, owner)
          expect(state === 'done').toBe(isLive(link))
          if (state !== 'done') continue
          bound[link.item] = link.before !== null && theirs[link.item] === link.before ? null : link.before
          link.ended = true
          for (const later of links.slice(index + 1)) if (later.item === link.item) later.ended = true
        }
        const { phone_number, email_address } = await changes.again(account)
        expect({ phone: phone_number, email: email_address }).toEqual(bound)
      }
    }),
    { numRuns: 150 },
  )
})
