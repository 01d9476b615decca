// Several bindings of keys that are open at once: what held when each began is looked at again when it ends.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultPolicy, type Member } from '../../../src/server/domain/domain.ts'
import { answering, beginBinding } from '../../support/key-member.ts'
import { openServerWorld, refusalOf, type ServerWorld } from '../../support/server-world.ts'
import { makeRegistration, partsOf, party } from '../../support/webauthn-ceremony.ts'

let world: ServerWorld
beforeAll(async () => {
  const { rpId, origin } = party
  world = await openServerWorld({ policy: { rpId, origins: [origin], webauthn: defaultPolicy.webauthn } })
})
afterAll(() => world.close())

type Begun = Awaited<ReturnType<typeof beginBinding>>

const finish = (member: Member, { binding_id, options }: Begun) =>
  world.services.webauthnBindings.finish(
    member,
    binding_id,
    makeRegistration(answering(partsOf({}), options.challenge)),
  )

const keysOf = (member: Member) => world.services.domain.store.read.authenticators.listCredentials(member.account.id)

/** Keys that the account has already. */
async function bindMany(member: Member, count: number) {
  await finish(member, await beginBinding(world, member))
  const [first] = await keysOf(member)
  if (!first) throw new Error('no key')
  await world.services.domain.store.transaction(async queries => {
    for (let number = 2; number <= count; number += 1) {
      const its = { id: `${member.account.id}-${number}`, credential_id: `${first.credential_id}-${number}` }
      await queries.authenticators.insertCredential({ ...first, ...its, name: `Security key ${number}` })
    }
  })
}

test('an account has 32 keys at most', async () => {
  const member = await world.join('many-keys')
  await bindMany(member, 31)
  const open = [await beginBinding(world, member), await beginBinding(world, member)]
  const outcomes = await Promise.all(open.map(begun => refusalOf(finish(member, begun))))
  expect(outcomes.sort()).toEqual(['done', 'too_many_keys'])
  expect(await keysOf(member)).toHaveLength(32)
  expect(await refusalOf(beginBinding(world, member))).toBe('too_many_keys')
})

test('of two that were to have one name, the later one has another', async () => {
  const member = await world.join('namesakes')
  const open = [await beginBinding(world, member, 'Blue'), await beginBinding(world, member, 'Blue')]
  const names: (string | null)[] = []
  for (const begun of open) names.push((await finish(member, begun)).value)
  expect(names).toEqual(['Blue', 'Security key 1'])
  expect((await keysOf(member)).map(({ name }) => name).sort()).toEqual(names)
})
