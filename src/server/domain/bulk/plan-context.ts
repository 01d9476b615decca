import type { Actor, Domain } from '../domain.ts'
import { newId } from '../secret-keys.ts'
import type { PlanContext } from './plan.ts'
import type { World } from './world.ts'

/** What plans of rows about the accounts of `world` need beside them. Passwords have no hash yet. */
export async function planContext(
  { store, clock, random }: Pick<Domain, 'store' | 'clock' | 'random'>,
  actor: Actor,
  world: World,
): Promise<PlanContext> {
  const lastAdmins = new Set<string>()
  for (const id of world.admins) {
    if (!(await store.read.directory.hasOtherAdmin(id))) lastAdmins.add(id)
  }
  return {
    now: clock.now(),
    ownAccountId: actor.kind === 'person' ? actor.account.id : actor.token.createdBy,
    sparesAdmins: actor.kind === 'token',
    lastAdmins,
    newLinkId: () => newId(random),
    hashFor: () => '',
  }
}
