// One answer of a security key that comes twice at once counts once; a passkey stays one from its binding on.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultPolicy } from '../../../src/server/domain/domain.ts'
import { answering, beginLogin, beginStepUp, bindKey, logIn, stepUp } from '../../support/key-member.ts'
import { caller, openServerWorld, refusalOf, type ServerWorld } from '../../support/server-world.ts'
import { flags, makeAssertion, party } from '../../support/webauthn-ceremony.ts'

let world: ServerWorld
beforeAll(async () => {
  const { rpId, origin } = party
  world = await openServerWorld({ policy: { rpId, origins: [origin], webauthn: defaultPolicy.webauthn } })
})
afterAll(() => world.close())

test('of two equal answers at once one counts, at a step-up and at a login', async () => {
  const member = await world.join('twice')
  const { parts } = await bindKey(world, member)
  const { stepUps, logins } = world.services
  const answer = (challenge: string) => {
    const credential = makeAssertion(answering(parts, challenge, member.account.user_handle))
    return { method: 'webauthn', credential } as const
  }
  const raised = await beginStepUp(world, member)
  const login = await beginLogin(world, 'twice')
  const finishes = [
    () => stepUps.finishVerification(member, raised.challenge_id, answer(raised.options.challenge)),
    () => logins.finishVerification(login.login_id, answer(login.options.challenge), caller),
  ]
  for (const finish of finishes) {
    const outcomes = await Promise.all([refusalOf(finish()), refusalOf(finish())])
    expect(outcomes.sort()).toEqual(['done', 'webauthn_challenge_used'])
  }
})

test('a passkey that may be backed up is bound and used', async () => {
  const member = await world.join('passkey')
  const { parts } = await bindKey(world, member, { flags: flags.up | flags.uv | flags.be | flags.bs })
  await expect(stepUp(world, member, parts)).resolves.toMatchObject({ method: 'webauthn' })
  await expect(logIn(world, member, parts)).resolves.toMatchObject({ state: 'complete' })
  const withoutBackup = { ...parts, flags: flags.up | flags.uv }
  expect(await refusalOf(stepUp(world, member, withoutBackup))).toBe('webauthn_backup_eligibility_changed')
})
