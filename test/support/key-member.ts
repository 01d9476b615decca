// A member of a server world with security keys made on the spot.

import { fromBase64url } from '../../src/lib/base64url.ts'
import type { Member } from '../../src/server/domain/domain.ts'
import { caller, type ServerWorld } from './server-world.ts'
import { makeAssertion, makeRegistration, type Parts, partsOf } from './webauthn-ceremony.ts'

export const answering = (parts: Parts, challenge: string, userHandle?: Uint8Array): Parts => ({
  ...parts,
  challenge: fromBase64url(challenge),
  ...(userHandle && { userHandle }),
})

export const beginBinding = async (world: ServerWorld, member: Member, name?: string) =>
  world.services.webauthnBindings.begin(member, await world.prove(member, 'webauthn.bind'), name)

export async function bindKey(world: ServerWorld, member: Member, changes: Partial<Parts> = {}) {
  const begun = await beginBinding(world, member)
  const parts = answering(partsOf(changes), begun.options.challenge)
  const { value } = await world.services.webauthnBindings.finish(member, begun.binding_id, makeRegistration(parts))
  return { parts, name: value ?? '' }
}

export async function beginLogin(world: ServerWorld, username: string) {
  const { login_id } = await world.services.logins.begin(username, caller)
  const begun = await world.services.logins.beginVerification(login_id, 'webauthn', caller)
  if (begun.method !== 'webauthn') throw new Error(begun.method)
  return { login_id, options: begun.options }
}

export async function logIn(world: ServerWorld, member: Member, parts: Parts) {
  const { login_id, options } = await beginLogin(world, member.account.username)
  const credential = makeAssertion(answering(parts, options.challenge, member.account.user_handle))
  return world.services.logins.finishVerification(login_id, { method: 'webauthn', credential }, caller)
}

export async function beginStepUp(world: ServerWorld, member: Member) {
  const { challenge_id } = await world.services.stepUps.createChallenge(member, 'password.change')
  const begun = await world.services.stepUps.beginVerification(member, challenge_id, 'webauthn')
  if (begun.method !== 'webauthn') throw new Error(begun.method)
  return { challenge_id, options: begun.options }
}

export async function stepUp(world: ServerWorld, member: Member, parts: Parts) {
  const { challenge_id, options } = await beginStepUp(world, member)
  const credential = makeAssertion(answering(parts, options.challenge, member.account.user_handle))
  return world.services.stepUps.finishVerification(member, challenge_id, { method: 'webauthn', credential })
}
