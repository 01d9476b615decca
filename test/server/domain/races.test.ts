// In one process, requests over HTTP are mostly judged one after the other. Here many stand between the judging of the
// same answer and its use, as they do where several processes serve one database.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Member } from '../../../src/server/domain/domain.ts'
import { caller, openServerWorld, refusalOf, type ServerWorld } from '../../support/server-world.ts'

/** As many as one authenticator may be tried by before its owner has to wait. */
const racers = 4

let world: ServerWorld
let people = 0
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

const join = (): Promise<Member> => world.join(`racer-${++people}`)

/** One of many attempts at once is accepted; the others are refused with one of `codes`. */
async function expectOneWins(attempt: (index: number) => Promise<unknown>, codes: readonly string[]): Promise<void> {
  const outcomes = await Promise.all(Array.from({ length: racers }, (_, index) => refusalOf(attempt(index))))
  expect(outcomes.filter(outcome => outcome === 'done')).toHaveLength(1)
  expect(codes).toEqual(expect.arrayContaining(outcomes.filter(outcome => outcome !== 'done')))
}

const challengesOf = (member: Member): Promise<string[]> =>
  Promise.all(
    Array.from({ length: racers }, async () => {
      const challenge = await world.services.stepUps.createChallenge(member, 'recovery_codes.create')
      return challenge.challenge_id
    }),
  )

it('one code by email answers one challenge once', async () => {
  const member = await join()
  const { stepUps } = world.services
  const { challenge_id } = await stepUps.createChallenge(member, 'recovery_codes.create')
  await stepUps.beginVerification(member, challenge_id, 'email')
  const answer = { method: 'email', code: await world.codeFor(member.account.email_address ?? '') } as const
  await expectOneWins(
    () => stepUps.finishVerification(member, challenge_id, answer),
    ['code_used', 'challenge_expired'],
  )
})

it('one code by email opens one session', async () => {
  const { account } = await join()
  const { logins } = world.services
  const { login_id } = await logins.begin(account.username, caller)
  await logins.beginVerification(login_id, 'email', caller)
  const answer = { method: 'email', code: await world.codeFor(account.email_address ?? '') } as const
  await expectOneWins(() => logins.finishVerification(login_id, answer, caller), ['code_used', 'login_expired'])
})

it('one code binds a number once', async () => {
  const member = await join()
  const { contactBindings, domain } = world.services
  const number = `+861390000000${people}`
  const { binding_id } = await contactBindings.begin(member, await world.prove(member, 'phone.bind'), 'phone', number)
  const binding = await domain.store.read.bindings.find(binding_id)
  if (!binding) throw new Error('no binding')
  const code = await world.codeFor(number)
  await expectOneWins(
    () => contactBindings.finish(member, { ...binding, item: 'phone' }, code),
    ['code_used', 'binding_expired', 'insufficient_user_authentication'],
  )
})

it('one code binds an app once', async () => {
  const member = await join()
  const { totpBindings, domain } = world.services
  const { binding_id, secret } = await totpBindings.begin(member, await world.prove(member, 'totp.bind'))
  const binding = await domain.store.read.bindings.find(binding_id)
  if (!binding) throw new Error('no binding')
  await expectOneWins(
    () => totpBindings.finish(member, binding, world.totpCode(secret)),
    ['binding_expired', 'insufficient_user_authentication'],
  )
})

it('one code of an app answers one of several challenges', async () => {
  const member = await join()
  const secret = await world.bindTotp(member)
  const challenges = await challengesOf(member)
  const answer = { method: 'totp', code: world.totpCode(secret, 1) } as const
  await expectOneWins(
    index => world.services.stepUps.finishVerification(member, challenges[index] ?? '', answer),
    ['totp_used'],
  )
})

it('one recovery code answers one of several challenges', async () => {
  const member = await join()
  const proof = await world.prove(member, 'recovery_codes.create')
  const { codes } = await world.services.credentials.createRecoveryCodes(member, proof)
  const challenges = await challengesOf(member)
  const answer = { method: 'recovery', code: codes[0] ?? '' } as const
  await expectOneWins(
    index => world.services.stepUps.finishVerification(member, challenges[index] ?? '', answer),
    ['recovery_code_incorrect'],
  )
})
