import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Member } from '../../../src/server/domain/domain.ts'
import { createReversals, type Reversals } from '../../../src/server/domain/reversals.ts'
import { hashSecret } from '../../../src/server/domain/secret-keys.ts'
import { type ContactChanges, contactChanges } from '../../support/contact-changes.ts'
import { caller, openServerWorld, password, refusalOf, type ServerWorld } from '../../support/server-world.ts'
import { newestUndoSecret, undoSecretIn } from '../../support/undo-link.ts'

const hour = 60 * 60_000
const owner = { ...caller, source: '203.0.113.9' }

let world: ServerWorld
let changes: ContactChanges
/** Over the same database, with messages that are kept instead of sent. */
let reversals: Reversals

beforeAll(async () => {
  world = await openServerWorld()
  changes = contactChanges(world.services.domain)
  reversals = createReversals(changes.domain)
})
afterAll(() => world.close())

let made = 0
const number = (): string => `+86139${String(++made).padStart(8, '0')}`
const address = (): string => `box-${++made}@example.org`
const withEmail = (email = address()) => ({ email_address: email, email_key: email })

const secretOf = (secrets: Map<string, string | undefined>, to: string): string => {
  const secret = secrets.get(to)
  if (secret === undefined) throw new Error(`no link for ${to}`)
  return secret
}

describe('through the services', () => {
  const sentTo = (to: string) => world.sent.filter(message => message.to === to)
  const secretFor = (to: string) =>
    newestUndoSecret(to, async () => [...world.sent].reverse().filter(message => message.to === to))

  async function bindEmail(member: Member, typed: string): Promise<void> {
    const { contactBindings, domain } = world.services
    const { binding_id } = await contactBindings.begin(member, await world.prove(member, 'email.bind'), 'email', typed)
    const binding = await domain.store.read.bindings.find(binding_id)
    if (!binding) throw new Error('no binding')
    await contactBindings.finish(member, { ...binding, item: 'email' }, await world.codeFor(typed))
  }

  test('the old address and the phone are told the link, the new address is not; it sets the old one back', async () => {
    const member = await world.join('robbed')
    const [old, fresh] = ['robbed@example.com', 'thief@example.net']
    await world.services.domain.store.transaction(queries =>
      queries.accounts.setContact(member.account.id, 'phone', { value: '+8613700000001', key: '+8613700000001' }, 1),
    )
    world.clock.advance(hour)
    await bindEmail(member, fresh)
    const secret = await secretFor(old)
    await expect.poll(() => sentTo(fresh).filter(({ notice }) => notice)).toHaveLength(1)
    expect(await secretFor('+8613700000001')).toBe(secret)
    expect(sentTo(old).at(-1)).toMatchObject({ link: `http://localhost:8420/undo/${secret}` })
    expect(sentTo(fresh).map(({ link, text }) => link ?? undoSecretIn(text))).toEqual([undefined, undefined])

    expect(await world.services.reversals.look(secret, owner)).toEqual({
      state: 'open',
      locale: 'en',
      username: 'robbed',
      item: 'email',
      change: {
        kind: 'replace',
        at: world.clock.now(),
        source: caller.source,
        values: { old: 'r***d@e***e.com', new: 't***f@e***e.net' },
      },
      restores: 'r***d@e***e.com',
      expiresAt: world.clock.now() + 72 * hour,
    })
    expect((await world.again(member)).account.email_address).toBe(fresh)

    world.clock.advance(hour)
    const noticesBefore = sentTo(fresh).length
    expect(await world.services.reversals.revert(secret, owner)).toEqual({
      state: 'done',
      locale: 'en',
      username: 'robbed',
      item: 'email',
      outcome: 'restored',
      bound: 'r***d@e***e.com',
      codesBy: 'email',
    })
    const { account } = await world.again(member)
    expect(account).toMatchObject({
      email_address: old,
      email_key: old,
      email_bound_at: world.clock.now(),
      email_used_at: null,
      phone_number: '+8613700000001',
    })
    const [event] = await world.services.domain.store.read.events.list(account.id, 1, undefined)
    expect(event).toMatchObject({ action: 'email.revert', method: 'link', source: owner.source, session_id: null })
    expect(JSON.parse(event?.details ?? '')).toEqual({
      outcome: 'restored',
      old: 't***f@e***e.net',
      new: 'r***d@e***e.com',
    })
    for (const to of [old, fresh]) {
      await expect.poll(() => sentTo(to).at(-1)?.text).toContain('Bound now: r***d@e***e.com')
    }
    await expect.poll(() => sentTo('+8613700000001')).toHaveLength(2)
    for (const to of [old, fresh, '+8613700000001']) expect(sentTo(to).at(-1)).toMatchObject({ link: null, code: null })
    expect(sentTo(fresh)).toHaveLength(noticesBefore + 1)
    expect(await world.services.reversals.revert(secret, owner)).toEqual({
      state: 'reverted',
      locale: 'en',
      item: 'email',
      at: world.clock.now(),
    })
    expect(world.logged.join()).not.toContain(secret)
  })

  test('an unbound number comes back, and a first number goes', async () => {
    const member = await world.join('unbinds')
    await world.bindPhone(member, '+8613700000002')
    const removing = await secretFor('unbinds@example.com')
    await world.services.unbinding.unbind(member, await world.prove(member, 'phone.unbind'), 'phone')
    expect(await world.services.reversals.look(removing, owner)).toMatchObject({ state: 'open', restores: null })
    await expect.poll(() => sentTo('unbinds@example.com').flatMap(({ link }) => (link ? [link] : []))).toHaveLength(2)
    const restoring = await secretFor('unbinds@example.com')
    expect(await world.services.reversals.look(restoring, owner)).toMatchObject({
      change: { kind: 'unbind', values: { old: '137****0002' } },
      restores: '137****0002',
    })
    expect(await world.services.reversals.revert(restoring, owner)).toMatchObject({ outcome: 'restored' })
    expect((await world.again(member)).account.phone_number).toBe('+8613700000002')
    expect(await world.services.reversals.revert(removing, owner)).toMatchObject({
      outcome: 'removed',
      bound: null,
      codesBy: 'email',
    })
    expect((await world.again(member)).account.phone_number).toBeNull()
    expect(sentTo('+8613700000002').every(({ link }) => link === null)).toBe(true)
  })

  test('a first address on an account with nothing else bound has no link, as nobody could be told it', async () => {
    const link = await world.services.accounts.create({ username: 'bare' }, { source: 'test' })
    await world.services.credentials.redeemEnrolmentLink(caller, link.link_secret, password)
    const member = await world.logIn('bare')
    await bindEmail(member, 'bare@example.org')
    await expect.poll(() => sentTo('bare@example.org').filter(({ notice }) => notice)).toHaveLength(1)
    expect(sentTo('bare@example.org').every(({ link }) => link === null)).toBe(true)
    expect(await world.services.domain.store.read.reversals.listLive(member.account.id, 0)).toEqual([])
  })

  test('changes of other things have no link', async () => {
    const member = await world.join('others')
    await world.bindTotp(member)
    await world.services.credentials.createRecoveryCodes(member, await world.prove(member, 'recovery_codes.create'))
    await world.services.unbinding.unbind(member, await world.prove(member, 'totp.unbind'), 'totp')
    await expect.poll(() => sentTo('others@example.com').filter(({ notice }) => notice).length).toBe(4)
    expect(sentTo('others@example.com').every(({ link }) => link === null)).toBe(true)
  })

  test('ends whatever somebody has begun', async () => {
    const member = await world.join('entered')
    await world.bindPhone(member, '+8613700000003')
    const secret = await secretFor('entered@example.com')
    const { domain, logins, stepUps, contactBindings, credentials } = world.services
    const second = await world.logIn('entered')
    const { login_id } = await logins.begin('entered', caller)
    const proof = await world.prove(member, 'password.change')
    const bindingProof = await world.prove(member, 'email.bind')
    const pending = await contactBindings.begin(member, bindingProof, 'email', 'entered-new@example.net')
    const binding = await domain.store.read.bindings.find(pending.binding_id)
    if (!binding) throw new Error('no binding')
    const code = await world.codeFor('entered-new@example.net')
    const unanswered = await stepUps.createChallenge(member, 'email.bind')
    const enrolment = 'y'.repeat(43)
    const row = { id: 'enrolment-entered', account_id: member.account.id, secret_hash: hashSecret(enrolment) }
    await domain.store.transaction(queries =>
      queries.links.insert({
        ...row,
        created_at: world.clock.now(),
        expires_at: world.clock.now() + hour,
        purpose: 'password',
      }),
    )
    const stranger = await world.join('stranger')
    const strangers = await logins.begin('stranger', caller)
    const theirProof = await world.prove(stranger, 'recovery_codes.create')

    expect(await world.services.reversals.revert(secret, owner)).toMatchObject({ outcome: 'removed' })

    const isLive = ({ session }: Member) => domain.store.read.sessions.isLive(session.id, world.clock.now())
    expect([await isLive(member), await isLive(second), await isLive(stranger)]).toEqual([false, false, true])
    const answer = { method: 'password', password } as const
    expect(await refusalOf(logins.finishVerification(login_id, answer, caller))).toBe('login_expired')
    // These members were authenticated before: requests of theirs may be under way.
    expect(await refusalOf(credentials.changePassword(member, proof, 'a thief’s password 9'))).toBe(
      'insufficient_user_authentication',
    )
    expect(await refusalOf(stepUps.finishVerification(member, unanswered.challenge_id, answer))).toBe(
      'challenge_expired',
    )
    expect(await refusalOf(contactBindings.finish(member, { ...binding, item: 'email' }, code))).toBe('binding_expired')
    expect(await refusalOf(credentials.redeemEnrolmentLink(caller, enrolment, 'a thief’s password 9'))).toBe(
      'link_invalid',
    )
    expect(await refusalOf(logins.finishVerification(strangers.login_id, answer, caller))).toBe('done')
    expect(await refusalOf(credentials.createRecoveryCodes(stranger, theirProof))).toBe('done')
  })

  test.each(['the change', 'the link'])(
    'a link and another change at once, %s first: the link has the last word',
    async first => {
      const name = first === 'the change' ? 'raced-a' : 'raced-b'
      const member = await world.join(name)
      const [phone, other] = [number(), number()]
      await world.bindPhone(member, phone)
      const secret = await secretFor(`${name}@example.com`)
      const now = await world.again(member)
      const { contactBindings, domain } = world.services
      const { binding_id } = await contactBindings.begin(now, await world.prove(now, 'phone.bind'), 'phone', other)
      const binding = await domain.store.read.bindings.find(binding_id)
      if (!binding) throw new Error('no binding')
      const code = await world.codeFor(other)
      const change = () => refusalOf(contactBindings.finish(now, { ...binding, item: 'phone' }, code))
      const use = () => world.services.reversals.revert(secret, owner)
      const outcomes =
        first === 'the change' ? await Promise.all([change(), use()]) : await Promise.all([use(), change()])
      expect(outcomes).toContainEqual(expect.objectContaining({ state: 'done', outcome: 'removed' }))
      expect((await world.again(member)).account.phone_number).toBeNull()
      expect(await domain.store.read.reversals.listLive(member.account.id, 0)).toEqual([])
    },
  )
})

describe('one link', () => {
  test('used by several at once is used once, and the others learn when', async () => {
    const email = address()
    const account = await changes.account(withEmail(email))
    const secret = secretOf(await changes.change(account, 'email', address()), email)
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => reversals.revert(secret, owner)))
    expect(outcomes.map(({ state }) => state).sort()).toEqual(['done', ...Array(4).fill('reverted')])
    const events = await world.services.domain.store.read.events.list(account.id, 10, undefined)
    expect(events.filter(({ action }) => action === 'email.revert')).toHaveLength(1)
  })

  test('works for 72 hours, and then is as one that never was', async () => {
    const email = address()
    const account = await changes.account(withEmail(email))
    const fresh = address()
    const secret = secretOf(await changes.change(account, 'email', fresh), email)
    world.clock.advance(72 * hour - 1)
    expect(await reversals.look(secret, owner)).toMatchObject({ state: 'open' })
    world.clock.advance(1)
    expect(await reversals.look(secret, owner)).toEqual({ state: 'unknown' })
    expect(await reversals.revert(secret, owner)).toEqual({ state: 'unknown' })
    expect(await reversals.look('x'.repeat(22), owner)).toEqual({ state: 'unknown' })
    expect((await changes.again(account)).email_address).toBe(fresh)
  })

  test('is stored as its hash, and in no event', async () => {
    const email = address()
    const account = await changes.account(withEmail(email))
    const secret = secretOf(await changes.change(account, 'email', address()), email)
    await reversals.revert(secret, owner)
    const row = await changes.domain.store.read.reversals.find(hashSecret(secret))
    const events = await changes.domain.store.read.events.list(account.id, 10, undefined)
    expect(row).toMatchObject({ outcome: 'reverted' })
    expect(JSON.stringify([row, events])).not.toContain(secret)
  })

  test('one source opens a thousand, and then waits', async () => {
    const hasty = { ...caller, source: '203.0.113.77' }
    const begin = {
      key: `begin:undo:${hasty.source}`,
      failures: 999,
      last_failure_at: world.clock.now(),
      blocked_until: 0,
    }
    await changes.domain.store.transaction(queries => queries.throttles.replace(undefined, begin))
    expect(await reversals.look('x'.repeat(22), hasty)).toEqual({ state: 'unknown' })
    expect(await refusalOf(reversals.look('x'.repeat(22), hasty))).toBe('throttled')
    expect(await refusalOf(reversals.revert('x'.repeat(22), hasty))).toBe('throttled')
    expect(await refusalOf(reversals.look('x'.repeat(22), owner))).toBe('done')
  })
})

describe('what a link brings back', () => {
  test('the older state wins: later links of the item are void, an earlier one still works', async () => {
    const [email, phone] = [address(), number()]
    const account = await changes.account({ ...withEmail(email), phone_number: phone })
    const [first, second, third] = [address(), address(), address()]
    const one = secretOf(await changes.change(account, 'email', first), phone)
    const two = secretOf(await changes.change(account, 'email', second), phone)
    const three = secretOf(await changes.change(account, 'email', third), phone)
    expect(await reversals.revert(two, owner)).toMatchObject({ outcome: 'restored' })
    expect((await changes.again(account)).email_address).toBe(first)
    expect(await reversals.look(three, owner)).toMatchObject({ state: 'superseded' })
    expect(await reversals.revert(three, owner)).toMatchObject({ state: 'superseded' })
    expect((await changes.again(account)).email_address).toBe(first)
    expect(await reversals.revert(one, owner)).toMatchObject({ outcome: 'restored' })
    expect((await changes.again(account)).email_address).toBe(email)
  })

  test('a link of one item leaves those of the other', async () => {
    const [email, phone] = [address(), number()]
    const account = await changes.account({ ...withEmail(email), phone_number: phone })
    const ofEmail = secretOf(await changes.change(account, 'email', address()), email)
    const ofPhone = secretOf(await changes.change(account, 'phone', number()), phone)
    expect(await reversals.revert(ofEmail, owner)).toMatchObject({ item: 'email', outcome: 'restored' })
    expect(await reversals.revert(ofPhone, owner)).toMatchObject({ item: 'phone', outcome: 'restored' })
    expect(await changes.again(account)).toMatchObject({ email_address: email, phone_number: phone })
  })

  test('what is bound on trial is told no link: an owner’s remedy hands the thief nothing', async () => {
    const email = address()
    const account = await changes.account(withEmail(email))
    const [thief, own] = [number(), number()]
    const first = await changes.change(account, 'phone', thief)
    expect([...first]).toEqual([
      [email, expect.any(String)],
      [thief, undefined],
    ])
    const remedy = await changes.change(account, 'phone', own)
    expect([...remedy]).toEqual([
      [email, expect.any(String)],
      [thief, undefined],
      [own, undefined],
    ])
    // When nothing undoes its binding any more, a number has stood its trial.
    world.clock.advance(72 * hour)
    const later = await changes.change(account, 'phone', number())
    expect([...later].map(([to, secret]) => [to, secret !== undefined]).slice(0, 2)).toEqual([
      [email, true],
      [own, true],
    ])
  })

  test('what is another account’s by now is not taken from it: the item is removed', async () => {
    const [email, phone] = [address(), number()]
    const account = await changes.account({ ...withEmail(email), phone_number: phone })
    const secret = secretOf(await changes.change(account, 'phone', number()), email)
    const neighbour = await changes.account({ phone_number: phone })
    expect(await reversals.revert(secret, owner)).toMatchObject({
      outcome: 'bound_elsewhere',
      bound: null,
      codesBy: 'email',
    })
    expect((await changes.again(account)).phone_number).toBeNull()
    expect((await changes.again(neighbour)).phone_number).toBe(phone)
    expect(changes.sent.findLast(({ to }) => to === email)?.text).toContain('Bound now: —')
  })

  test('the last way in is kept, and all sessions are ended all the same', async () => {
    const email = address()
    const account = await changes.account({ ...withEmail(email), password_hash: null })
    const phone = number()
    const secret = secretOf(await changes.change(account, 'phone', phone), email)
    await changes.change(account, 'email', null)
    expect(await reversals.revert(secret, owner)).toMatchObject({
      outcome: 'last_factor',
      bound: `${phone.slice(3, 6)}****${phone.slice(-4)}`,
      codesBy: 'phone',
    })
    expect((await changes.again(account)).phone_number).toBe(phone)
  })

  test('what is as before already stays as it is, with its times', async () => {
    const email = address()
    const account = await changes.account({ ...withEmail(email), email_bound_at: 5, email_used_at: 6 })
    const secret = secretOf(await changes.change(account, 'phone', number()), email)
    await changes.change(account, 'phone', null)
    expect(await reversals.revert(secret, owner)).toMatchObject({ outcome: 'unchanged', bound: null })
    expect(await changes.again(account)).toMatchObject({ phone_number: null, email_bound_at: 5, email_used_at: 6 })
  })

  test('a disabled account gets back what it had, and stays disabled', async () => {
    const [email, phone] = [address(), number()]
    const account = await changes.account({ ...withEmail(email), phone_number: phone, disabled_at: 7 })
    const secret = secretOf(await changes.change(account, 'phone', number()), phone)
    expect(await reversals.revert(secret, owner)).toMatchObject({ outcome: 'restored' })
    expect(await changes.again(account)).toMatchObject({ phone_number: phone, disabled_at: 7 })
  })
})
