import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../src/api/client.ts'
import { readOverview } from '../../src/contract/account.ts'
import { createAccount } from '../../src/contract/admin.ts'
import {
  beginEmailBinding,
  beginPhoneBinding,
  beginTotpBinding,
  finishCodeBinding,
  unbindPhone,
} from '../../src/contract/bindings.ts'
import { changePassword, createRecoveryCodes, redeemEnrolmentLink } from '../../src/contract/credentials.ts'
import { beginLogin, beginLoginVerification, finishLoginVerification } from '../../src/contract/logins.ts'
import { listSessions } from '../../src/contract/sessions.ts'
import { beginVerification, createChallenge, finishVerification } from '../../src/contract/step-up.ts'
import { apiClient, clientsOf, logInByPassword, webauthnClient } from '../support/api-member.ts'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { race } from '../support/race.ts'

const many = 32
/** As many as one authenticator may be tried by before the server makes its owner wait. */
const few = 4

let server: EphemeralServer
beforeAll(async () => {
  server = await startEphemeral()
})
afterAll(() => server.stop())

const open: ApiClient[] = []
afterEach(async () => {
  for (const api of open.splice(0)) await api.close()
})

/** Somebody who is logged in, and `count` connections of their session. */
async function somebody(count: number): Promise<{ person: Person; api: ApiClient; clients: ApiClient[] }> {
  const person = await Person.loggedIn(server, { email: freshAddress() })
  const api = person.api()
  const clients = clientsOf(api, count)
  open.push(api, ...clients)
  return { person, api, clients }
}

const at = (clients: readonly ApiClient[], index: number): ApiClient => {
  const client = clients[index]
  if (!client) throw new RangeError(`no client ${index}`)
  return client
}

const challengeOf = async (api: ApiClient, operation: 'recovery_codes.create' | 'phone.bind'): Promise<string> =>
  (await api.call(createChallenge, { body: { operation } })).challenge_id

describe('one proof', () => {
  it('changes the password once', async () => {
    const { person, api, clients } = await somebody(many)
    const proof = await person.provenByPassword(api, 'password.change')
    const passwordOf = (index: number) => `the password of racer ${index}`
    const { won, lost, codes } = await race(many, index =>
      at(clients, index).call(changePassword, { body: { new_password: passwordOf(index) }, proof }),
    )
    expect(won).toHaveLength(1)
    expect(codes).toEqual(['insufficient_user_authentication'])
    for (const { problem, status } of lost) {
      expect(status).toBe(401)
      expect(problem).toMatchObject({ reason: 'used', challenge: { operation: 'password.change' } })
    }
    expect(await person.logged('password.change')).toHaveLength(1)
    const session = await logInByPassword(server.url, person.username, passwordOf(won[0]?.index ?? -1))
    open.push(session)
    expect(await session.call(listSessions, {})).toBeTruthy()
  })

  it('makes recovery codes once', async () => {
    const { person, api, clients } = await somebody(many)
    const proof = await person.provenByPassword(api, 'recovery_codes.create')
    const { won, codes } = await race(many, index => at(clients, index).call(createRecoveryCodes, { proof }))
    expect(won).toHaveLength(1)
    expect(codes).toEqual(['insufficient_user_authentication'])
    expect(await person.logged('recovery_codes.create')).toHaveLength(1)
    const params = { challenge_id: await challengeOf(api, 'recovery_codes.create') }
    const code = won[0]?.value.codes[0] ?? ''
    await api.call(finishVerification, { params, body: { method: 'recovery', code } })
    expect((await api.call(readOverview, {})).recovery_codes_left).toBe(9)
  })

  it('unbinds once', async () => {
    const { person, api, clients } = await somebody(many)
    await person.bindPhone(freshNumber())
    const proof = await person.provenByPassword(api, 'phone.unbind')
    const { won, codes } = await race(many, index => at(clients, index).call(unbindPhone, { proof }))
    expect(won).toHaveLength(1)
    expect(codes).toEqual(['insufficient_user_authentication'])
    expect(await person.logged('phone.unbind')).toHaveLength(1)
  })

  it('binds one of the numbers that it began with', async () => {
    const racers = 8
    const { person, api, clients } = await somebody(racers)
    const proof = await person.provenByPassword(api, 'phone.bind')
    const begun = await race(racers, async index => {
      const number = freshNumber()
      const { binding_id } = await at(clients, index).call(beginPhoneBinding, { body: { phone_number: number }, proof })
      return { binding_id, code: await server.outbox.latestCode(number) }
    })
    expect(begun.won).toHaveLength(racers)
    const { won, codes } = await race(racers, async index => {
      const { binding_id, code } = begun.won[index]?.value ?? { binding_id: '', code: '' }
      return at(clients, index).call(finishCodeBinding, { params: { binding_id }, body: { code } })
    })
    expect(won).toHaveLength(1)
    expect(codes).toEqual(['binding_expired'])
    expect(await person.logged('phone.bind')).toHaveLength(1)
  })
})

describe('one code', () => {
  it.each([
    [few, ['challenge_expired', 'code_used']],
    [many, ['challenge_expired', 'code_used', 'throttled']],
  ])('by email answers one challenge once, of %i', async (racers, refusals) => {
    const { person, api, clients } = await somebody(racers)
    const params = { challenge_id: await challengeOf(api, 'recovery_codes.create') }
    await api.call(beginVerification, { params, body: { method: 'email' } })
    const code = await server.outbox.latestCode(person.email ?? '')
    const { won, codes } = await race(racers, index =>
      at(clients, index).call(finishVerification, { params, body: { method: 'email', code } }),
    )
    expect(won).toHaveLength(1)
    expect(refusals).toEqual(expect.arrayContaining([...codes]))
  })

  it.each([
    [few, ['binding_expired', 'code_used']],
    [many, ['binding_expired', 'code_used', 'throttled']],
  ])('binds a number once, of %i', async (racers, refusals) => {
    const { person, api, clients } = await somebody(racers)
    const number = freshNumber()
    const proof = await person.provenByPassword(api, 'phone.bind')
    const { binding_id } = await api.call(beginPhoneBinding, { body: { phone_number: number }, proof })
    const code = await server.outbox.latestCode(number)
    const { won, codes } = await race(racers, index =>
      at(clients, index).call(finishCodeBinding, { params: { binding_id }, body: { code } }),
    )
    expect(won).toHaveLength(1)
    expect(refusals).toEqual(expect.arrayContaining([...codes]))
    expect(await person.logged('phone.bind')).toHaveLength(1)
  })

  it('binds an app once', async () => {
    const { person, api, clients } = await somebody(few)
    const proof = await person.provenByPassword(api, 'totp.bind')
    const { binding_id, secret } = await api.call(beginTotpBinding, { proof })
    const code = new AuthenticatorApp(secret).code()
    const { won, codes } = await race(few, index =>
      at(clients, index).call(finishCodeBinding, { params: { binding_id }, body: { code } }),
    )
    expect(won).toHaveLength(1)
    expect(codes).toEqual(['binding_expired'])
    expect(await person.logged('totp.bind')).toHaveLength(1)
  })

  it.each([
    [few, ['totp_used']],
    [many, ['throttled', 'totp_used']],
  ])('of an app answers one of %i challenges', async (racers, refusals) => {
    const { person, api, clients } = await somebody(racers)
    const app = await person.bindApp()
    const challenges = await Promise.all(clients.map(() => challengeOf(api, 'recovery_codes.create')))
    const code = app.code()
    const { won, codes } = await race(racers, index =>
      at(clients, index).call(finishVerification, {
        params: { challenge_id: challenges[index] ?? '' },
        body: { method: 'totp', code },
      }),
    )
    expect(won).toHaveLength(1)
    expect(refusals).toEqual(expect.arrayContaining([...codes]))
  })

  it('of an app opens one login or answers one challenge', async () => {
    const { person, api, clients } = await somebody(few)
    const app = await person.bindApp()
    const steps = await Promise.all(
      clients.map(async (client, index) => {
        if (index % 2 === 0) {
          const params = { challenge_id: await challengeOf(api, 'recovery_codes.create') }
          return (code: string) => client.call(finishVerification, { params, body: { method: 'totp', code } })
        }
        const { login_id } = await client.call(beginLogin, { body: { username: person.username } })
        const params = { login_id }
        const { password } = person
        await client.call(finishLoginVerification, { params, body: { method: 'password', password } })
        return (code: string) => client.call(finishLoginVerification, { params, body: { method: 'totp', code } })
      }),
    )
    const code = app.code()
    const { won, codes } = await race<unknown>(few, async index => steps[index]?.(code))
    expect(won).toHaveLength(1)
    expect(codes).toEqual(['totp_used'])
  })

  it.each([
    [few, ['recovery_code_incorrect']],
    [many, ['recovery_code_incorrect', 'throttled']],
  ])('for recovery answers one of %i challenges', async (racers, refusals) => {
    const { person, api, clients } = await somebody(racers)
    await person.makeRecoveryCodes()
    const challenges = await Promise.all(clients.map(() => challengeOf(api, 'phone.bind')))
    const code = person.recoveryCodes[0] ?? ''
    const { won, codes } = await race(racers, index =>
      at(clients, index).call(finishVerification, {
        params: { challenge_id: challenges[index] ?? '' },
        body: { method: 'recovery', code },
      }),
    )
    expect(won).toHaveLength(1)
    expect(refusals).toEqual(expect.arrayContaining([...codes]))
    expect((await api.call(readOverview, {})).recovery_codes_left).toBe(9)
  })

  it('by email opens one session', async () => {
    const { person, api } = await somebody(0)
    const anyone = Array.from({ length: few }, () => apiClient(server.url))
    open.push(...anyone)
    const { login_id } = await at(anyone, 0).call(beginLogin, { body: { username: person.username } })
    const params = { login_id }
    await at(anyone, 0).call(beginLoginVerification, { params, body: { method: 'email' } })
    const code = await server.outbox.latestCode(person.email ?? '')
    const { won, codes } = await race(few, index =>
      at(anyone, index).call(finishLoginVerification, { params, body: { method: 'email', code } }),
    )
    expect(won).toHaveLength(1)
    expect(['code_used', 'login_expired']).toEqual(expect.arrayContaining([...codes]))
    expect((await api.call(listSessions, {})).sessions).toHaveLength(2)
  })
})

it('one assertion of a security key answers one challenge once', async () => {
  const { person, api, clients } = await somebody(many)
  await person.bindKey('Tiger')
  const params = { challenge_id: await challengeOf(api, 'recovery_codes.create') }
  const begun = await api.call(beginVerification, { params, body: { method: 'webauthn' } })
  if (begun.method !== 'webauthn') throw new Error(begun.method)
  const credential = await webauthnClient(server.url, server.securityKey).get(begun.options)
  const { won, codes } = await race(many, index =>
    at(clients, index).call(finishVerification, { params, body: { method: 'webauthn', credential } }),
  )
  expect(won).toHaveLength(1)
  expect(['challenge_expired', 'webauthn_challenge_used']).toEqual(expect.arrayContaining([...codes]))
})

it('one QR code of WeChat binds one of the phones that scan it', async () => {
  const { person } = await somebody(0)
  const running = person.start(['bind', 'wechat', '--verify', 'password'])
  const { payload } = await running.seen('qr')
  const phones = Array.from({ length: 8 }, (_, index) => `oRacer${index}${'x'.repeat(21)}`)
  const statuses = await Promise.all(phones.map(openid => server.scan(String(payload), openid)))
  expect(statuses).toEqual(phones.map(() => 200))
  const run = await running.finished
  expect(run.last).toMatchObject({ event: 'result', ok: true, item: 'wechat', replaced: false })
  expect(await person.logged('wechat.bind')).toHaveLength(1)
  expect((await person.item('wechat')).value).toBe(run.last.value)
})

it('one address goes to one of two accounts that prove it at once', async () => {
  const address = freshAddress()
  const finishes: (() => Promise<unknown>)[] = []
  for (const count of [0, 1]) {
    const { person, api } = await somebody(0)
    const proof = await person.provenByPassword(api, 'email.bind')
    const { binding_id } = await api.call(beginEmailBinding, { body: { email_address: address }, proof })
    const code = await server.outbox.latestCode(address, count)
    finishes.push(() => api.call(finishCodeBinding, { params: { binding_id }, body: { code } }))
  }
  const { won, codes } = await race(finishes.length, async index => finishes[index]?.())
  expect(won).toHaveLength(1)
  expect(codes).toEqual(['bound_elsewhere'])
})

it('one enrolment link sets one password', async () => {
  const fresh = await startEphemeral()
  try {
    const admin = apiClient(fresh.url, { serviceCredential: fresh.adminToken })
    const clients = clientsOf(admin, many)
    open.push(admin, ...clients)
    const { link_secret } = await admin.call(createAccount, { body: { username: 'newcomer' } })
    const passwordOf = (index: number) => `the password of racer ${index}`
    const { won, codes } = await race(many, index =>
      at(clients, index).call(redeemEnrolmentLink, { body: { link_secret, new_password: passwordOf(index) } }),
    )
    expect(won).toHaveLength(1)
    expect(codes).toEqual(['link_invalid'])
    open.push(await logInByPassword(fresh.url, 'newcomer', passwordOf(won[0]?.index ?? -1)))
  } finally {
    await fresh.stop()
  }
})
