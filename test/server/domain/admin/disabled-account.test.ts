import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newToken } from '../../../../src/server/domain/admin/authority.ts'
import { findOpenBinding } from '../../../../src/server/domain/bindings/pending-binding.ts'
import type { Member } from '../../../../src/server/domain/domain.ts'
import { issueLink } from '../../../../src/server/domain/enrolment-links.ts'
import { hashSecret } from '../../../../src/server/domain/secret-keys.ts'
import { openSession } from '../../../../src/server/domain/sessions.ts'
import { byToken, joinAdmin } from '../../../support/admins.ts'
import { caller, openServerWorld, password, refusalOf, type ServerWorld } from '../../../support/server-world.ts'
import { newestUndoSecret } from '../../../support/undo-link.ts'

let world: ServerWorld
let member: Member

beforeEach(async () => {
  world = await openServerWorld()
  member = await world.join('owner')
})
afterEach(() => world.close())

const disable = async (username = 'owner') =>
  expect(await world.services.adminAccounts.disable(byToken(), username)).toMatchObject({ changed: true })
const enable = (username = 'owner') => world.services.adminAccounts.enable(byToken(), username)

const byPassword = { method: 'password', password } as const
const finishLogin = (loginId: string, answer: Parameters<typeof world.services.logins.finishVerification>[1]) =>
  refusalOf(world.services.logins.finishVerification(loginId, answer, caller))

/** What `work` ends in while the account is disabled, and after it was enabled again. */
async function afterwards(work: () => Promise<unknown>): Promise<[string, string]> {
  await disable()
  const disabled = await refusalOf(work())
  await enable()
  return [disabled, await refusalOf(work())]
}

describe('what somebody has begun with an account ends with its disabling, for good', () => {
  test('a session', async () => {
    const { store } = world.services.domain
    const { session_secret } = await store.transaction(queries =>
      openSession(world.services.domain, queries, member.account, ['password'], caller),
    )
    const use = () => world.services.sessions.authenticate(session_secret, caller)
    expect(await refusalOf(use())).toBe('done')
    expect(await afterwards(use)).toEqual(['not_logged_in', 'not_logged_in'])
  })

  test('a login before its first factor', async () => {
    const { login_id } = await world.services.logins.begin('owner', caller)
    const finish = () => world.services.logins.finishVerification(login_id, byPassword, caller)
    expect(await afterwards(finish)).toEqual(['login_expired', 'login_expired'])
  })

  test('a login before its second factor', async () => {
    const secret = await world.bindTotp(member)
    const { login_id } = await world.services.logins.begin('owner', caller)
    await world.services.logins.finishVerification(login_id, byPassword, caller)
    world.clock.advance(30_000)
    const finish = () =>
      world.services.logins.finishVerification(login_id, { method: 'totp', code: world.totpCode(secret) }, caller)
    expect(await afterwards(finish)).toEqual(['login_expired', 'login_expired'])
  })

  test('a login with a code that was sent', async () => {
    const { login_id } = await world.services.logins.begin('owner', caller)
    await world.services.logins.beginVerification(login_id, 'email', caller)
    const code = await world.codeFor('owner@example.com')
    const finish = () => world.services.logins.finishVerification(login_id, { method: 'email', code }, caller)
    expect(await afterwards(finish)).toEqual(['login_expired', 'login_expired'])
  })

  test('a challenge, and a proof that was not used yet', async () => {
    const { stepUps, credentials } = world.services
    const challenge = await stepUps.createChallenge(member, 'totp.bind')
    const proof = await world.prove(member, 'recovery_codes.create')
    await disable()
    const answer = () => stepUps.finishVerification(member, challenge.challenge_id, byPassword)
    expect(await refusalOf(answer())).toBe('challenge_expired')
    expect(await refusalOf(credentials.createRecoveryCodes(member, proof))).toBe('insufficient_user_authentication')
    await enable()
    expect(await refusalOf(answer())).toBe('challenge_expired')
    expect(await refusalOf(credentials.createRecoveryCodes(member, proof))).toBe('insufficient_user_authentication')
  })

  test('a pending binding', async () => {
    const { contactBindings, domain } = world.services
    const proof = await world.prove(member, 'phone.bind')
    const { binding_id } = await contactBindings.begin(member, proof, 'phone', '+8613800138000')
    const code = await world.codeFor('+8613800138000')
    const binding = await findOpenBinding(domain, member, binding_id, ['phone'])
    const finish = () => contactBindings.finish(member, { ...binding, item: 'phone' }, code)
    expect(await afterwards(finish)).toEqual(['binding_expired', 'binding_expired'])
    expect((await domain.store.read.accounts.find(member.account.id))?.phone_number).toBeNull()
  })

  test('a link that sets the password', async () => {
    const { link_secret } = await world.services.adminAccounts.resetLink(byToken(), 'owner')
    const redeem = () => world.services.credentials.redeemEnrolmentLink(caller, link_secret, 'another long password')
    expect(await afterwards(redeem)).toEqual(['link_invalid', 'link_invalid'])
    await world.logIn('owner')
  })

  test.each(['totp', 'webauthn'] as const)('a link that binds %s, and the session that it opened', async purpose => {
    const { domain, sessions } = world.services
    const { secret, opened } = await domain.store.transaction(async queries => {
      const link = await issueLink(domain, queries, member.account, purpose)
      const session = { ...member.session, id: 'e'.repeat(22), secret_hash: hashSecret('e'.repeat(43)) }
      await queries.sessions.insert({ ...session, enrolment_link_id: link.id })
      return { secret: link.secret, opened: 'e'.repeat(43) }
    })
    const find = () => domain.store.read.links.find(hashSecret(secret), domain.clock.now())
    expect(await find()).toBeDefined()
    const use = () => sessions.authenticate(opened, caller)
    expect(await afterwards(use)).toEqual(['not_logged_in', 'not_logged_in'])
    expect(await find()).toBeUndefined()
  })

  test('a token that an admin made', async () => {
    const { domain } = world.services
    const maker = await joinAdmin(world, 'maker')
    await joinAdmin(world, 'another')
    const token = { name: 'n', scopes: ['accounts'], lifetime: 60_000, createdBy: maker.account.id }
    const { row } = newToken(domain, token)
    await domain.store.transaction(queries => queries.serviceTokens.insert(row))
    const find = () => domain.store.read.serviceTokens.findLive(row.secret_hash, domain.clock.now())
    expect(await find()).toBeDefined()
    await disable('maker')
    expect(await find()).toBeUndefined()
    expect((await domain.store.read.serviceTokens.find(row.id))?.revoked_at).toBe(domain.clock.now())
  })
})

describe('a login to a disabled account', () => {
  const begin = async (username: string) => (await world.services.logins.begin(username, caller)).login_id

  test('tells that it is disabled to whoever proves to be its owner, and to nobody else', async () => {
    await disable()
    expect(await finishLogin(await begin('owner'), byPassword)).toBe('account_disabled')
    const wrong = { method: 'password', password: 'wrong password' } as const
    expect(await finishLogin(await begin('owner'), wrong)).toBe('login_failed')
    expect(await finishLogin(await begin('nobody'), wrong)).toBe('login_failed')
    expect(await finishLogin(await begin('nobody'), byPassword)).toBe('login_failed')
  })

  test('begins as any other does', async () => {
    const shape = async (username: string) => {
      const { methods, expires_at } = await world.services.logins.begin(username, caller)
      return { methods, expires_at }
    }
    const enabled = await shape('owner')
    await disable()
    expect(await shape('owner')).toEqual(enabled)
    expect(await shape('nobody')).toEqual(enabled)
  })

  test('goes on as before once it is enabled again', async () => {
    await disable()
    await enable()
    expect(await finishLogin(await begin('owner'), byPassword)).toBe('done')
  })
})

test('a link that undoes a change still works: it lets nobody in, and gives the owner their address back', async () => {
  const { reversals, contactBindings, domain } = world.services
  const proof = await world.prove(member, 'email.bind')
  const { binding_id } = await contactBindings.begin(member, proof, 'email', 'thief@example.org')
  const binding = await findOpenBinding(domain, member, binding_id, ['email'])
  await contactBindings.finish(member, { ...binding, item: 'email' }, await world.codeFor('thief@example.org'))
  const secret = await newestUndoSecret('owner@example.com', async () =>
    world.sent.filter(({ to }) => to === 'owner@example.com'),
  )
  await disable()
  expect(await reversals.revert(secret, caller)).toMatchObject({ state: 'done', outcome: 'restored' })
  const account = await domain.store.read.accounts.find(member.account.id)
  expect(account).toMatchObject({ email_address: 'owner@example.com', disabled_at: domain.clock.now() })
  const { login_id } = await world.services.logins.begin('owner', caller)
  expect(await finishLogin(login_id, byPassword)).toBe('account_disabled')
})
