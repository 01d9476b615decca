import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../src/api/client.ts'
import { readOverview } from '../../src/contract/account.ts'
import {
  beginEmailBinding,
  beginPhoneBinding,
  beginTotpBinding,
  beginWebAuthnBinding,
  beginWeChatBinding,
  finishCodeBinding,
  unbindEmail,
  unbindPhone,
  unbindTotp,
  unbindWebAuthn,
  unbindWeChat,
} from '../../src/contract/bindings.ts'
import { changePassword, createRecoveryCodes } from '../../src/contract/credentials.ts'
import type { ProofRefusal } from '../../src/contract/problems.ts'
import type { StepUpOperation } from '../../src/contract/schemas.ts'
import { finishVerification } from '../../src/contract/step-up.ts'
import { apiClient, logInByPassword } from '../support/api-member.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { startPocket } from '../support/pocket.ts'
import { refusalOf } from '../support/race.ts'

let server: EphemeralServer
beforeAll(async () => {
  server = await startEphemeral()
})
afterAll(() => server.stop())

const open: ApiClient[] = []
afterEach(async () => {
  for (const api of open.splice(0)) await api.close()
})

async function somebody(): Promise<{ person: Person; api: ApiClient }> {
  const person = await Person.loggedIn(server, { email: freshAddress() })
  const api = person.api()
  open.push(api)
  return { person, api }
}

/** The call is refused for `reason`, with a fresh challenge by which a client finds its way. */
async function expectRefused(
  call: Promise<unknown>,
  operation: StepUpOperation,
  reason: ProofRefusal,
): Promise<{ challenge_id: string }> {
  const { code, status, problem } = await refusalOf(call)
  expect({ code, status, reason: problem.reason }).toEqual({
    code: 'insufficient_user_authentication',
    status: 401,
    reason,
  })
  expect(problem.challenge).toMatchObject({ operation, challenge_id: expect.any(String) })
  return problem.challenge as { challenge_id: string }
}

const somePhone = () => ({ phone_number: freshNumber() })
const new_password = 'both halves of a tally'
const key_id = 'A'.repeat(22)

/** Every operation that needs a proof. */
const operations: readonly [StepUpOperation, (api: ApiClient, given: { proof?: string }) => Promise<unknown>][] = [
  ['password.change', (api, given) => api.call(changePassword, { body: { new_password }, ...given })],
  ['phone.bind', (api, given) => api.call(beginPhoneBinding, { body: somePhone(), ...given })],
  ['phone.unbind', (api, given) => api.call(unbindPhone, given)],
  ['email.bind', (api, given) => api.call(beginEmailBinding, { body: { email_address: 'a@example.org' }, ...given })],
  ['email.unbind', (api, given) => api.call(unbindEmail, given)],
  ['totp.bind', (api, given) => api.call(beginTotpBinding, given)],
  ['totp.unbind', (api, given) => api.call(unbindTotp, given)],
  ['wechat.bind', (api, given) => api.call(beginWeChatBinding, given)],
  ['wechat.unbind', (api, given) => api.call(unbindWeChat, given)],
  ['webauthn.bind', (api, given) => api.call(beginWebAuthnBinding, { body: {}, ...given })],
  ['webauthn.unbind', (api, given) => api.call(unbindWebAuthn, { params: { key_id }, ...given })],
  ['recovery_codes.create', (api, given) => api.call(createRecoveryCodes, given)],
]

describe('every change needs a proof of its own', () => {
  let person: Person
  let api: ApiClient
  beforeAll(async () => {
    person = await Person.loggedIn(server, { email: freshAddress() })
    api = person.api()
  })
  afterAll(() => api.close())

  it.each(operations)('%s', async (operation, call) => {
    const elsewhere: StepUpOperation = operation === 'password.change' ? 'recovery_codes.create' : 'password.change'
    await expectRefused(call(api, {}), operation, 'missing')
    await expectRefused(call(api, { proof: 'not-a-proof' }), operation, 'missing')
    await expectRefused(call(api, { proof: 'x'.repeat(43) }), operation, 'unknown')
    const proof = await person.provenByPassword(api, elsewhere)
    await expectRefused(call(api, { proof }), operation, 'other_operation')
  })

  it('and nothing was changed by all that', async () => {
    const { items, recovery_codes_left } = await api.call(readOverview, {})
    expect(recovery_codes_left).toBe(0)
    expect(items.flatMap(({ item, set }) => (set ? [item] : []))).toEqual(['password', 'email'])
    open.push(await logInByPassword(server.url, person.username, person.password))
  })
})

describe('a proof serves', () => {
  it('for its own operation still, after another refused it', async () => {
    const { person, api } = await somebody()
    const proof = await person.provenByPassword(api, 'recovery_codes.create')
    await expectRefused(
      api.call(changePassword, { body: { new_password }, proof }),
      'password.change',
      'other_operation',
    )
    expect((await api.call(createRecoveryCodes, { proof })).codes).toHaveLength(10)
    await expectRefused(api.call(createRecoveryCodes, { proof }), 'recovery_codes.create', 'used')
  })

  it('in no other session of the account', async () => {
    const { person, api } = await somebody()
    const other = await logInByPassword(server.url, person.username, person.password)
    open.push(other)
    const proof = await person.provenByPassword(api, 'recovery_codes.create')
    await expectRefused(other.call(createRecoveryCodes, { proof }), 'recovery_codes.create', 'other_session')
    await expectRefused(other.call(beginTotpBinding, { proof }), 'totp.bind', 'other_session')
    await api.call(createRecoveryCodes, { proof })
  })

  it('for no other account', async () => {
    const { person, api } = await somebody()
    const stranger = await somebody()
    const proof = await person.provenByPassword(api, 'recovery_codes.create')
    await expectRefused(stranger.api.call(createRecoveryCodes, { proof }), 'recovery_codes.create', 'unknown')
    await api.call(createRecoveryCodes, { proof })
  })

  it('for no number but the one it was given for', async () => {
    const { person, api } = await somebody()
    const number = freshNumber()
    const proof = await person.provenByPassword(api, 'phone.bind', number)
    const begin = (phone_number: string) => api.call(beginPhoneBinding, { body: { phone_number }, proof })
    await expectRefused(begin(freshNumber()), 'phone.bind', 'other_value')
    // The same number in another form is the same value.
    await begin(number.replace('+86', ''))
  })

  it('for no address but the one it was given for', async () => {
    const { person, api } = await somebody()
    const address = freshAddress()
    const proof = await person.provenByPassword(api, 'email.bind', address)
    const begin = (email_address: string) => api.call(beginEmailBinding, { body: { email_address }, proof })
    await expectRefused(begin(freshAddress()), 'email.bind', 'other_value')
    await begin(address.toUpperCase())
  })

  it('for no key but the one it was given for', async () => {
    const { person, api } = await somebody()
    const pocket = await startPocket()
    try {
      await person.bindKey('Tiger')
      await person.bindKey('Dragon', pocket.address)
    } finally {
      await pocket.close()
    }
    const [tiger, dragon] = (await person.item('webauthn')).keys
    if (!tiger || !dragon) throw new Error('two keys were bound')
    const proof = await person.provenByPassword(api, 'webauthn.unbind', tiger.id)
    const unbind = (id: string) => api.call(unbindWebAuthn, { params: { key_id: id }, proof })
    await expectRefused(unbind(dragon.id), 'webauthn.unbind', 'other_value')
    expect(await unbind(tiger.id)).toMatchObject({ value: 'Tiger' })
    expect((await person.item('webauthn')).keys.map(({ name }) => name)).toEqual(['Dragon'])
  })

  it('after a new value was refused', async () => {
    const { person, api } = await somebody()
    const proof = await person.provenByPassword(api, 'password.change')
    const change = (text: string) => api.call(changePassword, { body: { new_password: text }, proof })
    expect((await refusalOf(change('short'))).code).toBe('password_too_short')
    expect((await refusalOf(change('password'))).code).toBe('password_too_common')
    expect((await refusalOf(change(person.password))).code).toBe('password_unchanged')
    expect((await refusalOf(change('x'.repeat(300)))).code).toBe('password_too_long')
    await change(new_password)
    await expectRefused(change('and another one'), 'password.change', 'used')
    const numbered = await apiProof(api, 'phone.bind')
    const begin = (phone_number: string) => api.call(beginPhoneBinding, { body: { phone_number }, proof: numbered })
    expect((await refusalOf(begin('12'))).code).toBe('phone_number_invalid')
    const number = freshNumber()
    const { binding_id } = await begin(number)
    const code = await server.outbox.latestCode(number)
    await api.call(finishCodeBinding, { params: { binding_id }, body: { code } })
    await expectRefused(begin(freshNumber()), 'phone.bind', 'used')
  })

  it('by way of the challenge in the refusal', async () => {
    const { person, api } = await somebody()
    const challenge = await expectRefused(api.call(createRecoveryCodes, {}), 'recovery_codes.create', 'missing')
    const { proof } = await api.call(finishVerification, {
      params: { challenge_id: challenge.challenge_id },
      body: { method: 'password', password: person.password },
    })
    expect((await api.call(createRecoveryCodes, { proof })).codes).toHaveLength(10)
  })

  const apiProof = async (api: ApiClient, operation: StepUpOperation): Promise<string> => {
    const challenge = await refusalOf(api.call(beginPhoneBinding, { body: somePhone() }))
    expect(challenge.problem.challenge).toMatchObject({ operation })
    const { challenge_id } = challenge.problem.challenge as { challenge_id: string }
    const body = { method: 'password', password: new_password } as const
    return (await api.call(finishVerification, { params: { challenge_id }, body })).proof
  }
})

describe('what belongs to one session or account', () => {
  it('is nothing to another: challenges, and what is being bound', async () => {
    const { person, api } = await somebody()
    const stranger = await somebody()
    const sibling = await logInByPassword(server.url, person.username, person.password)
    open.push(sibling)
    const challenge = await expectRefused(api.call(createRecoveryCodes, {}), 'recovery_codes.create', 'missing')
    const params = { challenge_id: challenge.challenge_id }
    const number = freshNumber()
    const proof = await person.provenByPassword(api, 'phone.bind')
    const { binding_id } = await api.call(beginPhoneBinding, { body: { phone_number: number }, proof })
    const code = await server.outbox.latestCode(number)
    for (const [other, password] of [
      [sibling, person.password],
      [stranger.api, stranger.person.password],
    ] as const) {
      const answered = other.call(finishVerification, { params, body: { method: 'password', password } })
      expect((await refusalOf(answered)).code).toBe('challenge_expired')
      const bound = other.call(finishCodeBinding, { params: { binding_id }, body: { code } })
      expect((await refusalOf(bound)).code).toBe('binding_expired')
    }
    const nobody = apiClient(server.url, { sessionSecret: 'y'.repeat(43) })
    open.push(nobody)
    const unknown = nobody.call(finishCodeBinding, { params: { binding_id }, body: { code } })
    expect((await refusalOf(unknown)).code).toBe('not_logged_in')
    await api.call(finishCodeBinding, { params: { binding_id }, body: { code } })
  })
})
