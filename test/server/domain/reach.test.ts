import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Reach } from '../../../src/server/domain/ports/messages.ts'
import { outboxRows } from '../../support/outbox-rows.ts'
import { caller, openServerWorld, refusalOf, type ServerWorld } from '../../support/server-world.ts'

const minute = 60_000
const served = '+8613800138000'
const unserved = '+4915112345678'
const off = '+14155552671'

let world: ServerWorld
let channel: Reach = 'available'
const special: Record<string, Reach> = {}

beforeAll(async () => {
  world = await openServerWorld({ reach: to => (to === null ? channel : (special[to] ?? 'available')) })
})
afterAll(() => world.close())
beforeEach(() => {
  channel = 'available'
  Object.assign(special, { [served]: 'available', [unserved]: 'unserved', [off]: 'off' })
})

/** Rows since the last look: how many decoys, how many messages. */
let seen = new Set<string>()
async function added() {
  const rows = await outboxRows(world)
  const fresh = rows.filter(({ id }) => !seen.has(id))
  seen = new Set(rows.map(({ id }) => id))
  return { decoys: fresh.filter(row => row.decoy === 1).length, messages: fresh.filter(row => row.decoy === 0).length }
}

describe('binding', () => {
  test('a number of a country that is not served is refused before anything is written, and another may follow', async () => {
    const member = await world.join('binder')
    const proof = await world.prove(member, 'phone.bind')
    const begin = (to: string) => world.services.contactBindings.begin(member, proof, 'phone', to)
    await added()
    expect(await refusalOf(begin(unserved))).toBe('phone_country_unserved')
    expect(await refusalOf(begin(off))).toBe('channel_off')
    expect(await added()).toEqual({ decoys: 0, messages: 0 })
    const { binding_id } = await begin(served)
    // Neither refusal counted as a message to the account, nor ended what was pending.
    expect(await refusalOf(begin(unserved))).toBe('phone_country_unserved')
    const binding = await world.services.domain.store.read.bindings.find(binding_id)
    if (!binding) throw new Error('no binding')
    await world.services.contactBindings.finish(member, { ...binding, item: 'phone' }, await world.codeFor(served))
    expect((await world.again(member)).account.phone_number).toBe(served)
  })

  test('where the whole channel is off, that is said, and a country is unserved all the same', async () => {
    const member = await world.join('offline')
    const proof = await world.prove(member, 'phone.bind')
    channel = 'off'
    const begin = (to: string) => refusalOf(world.services.contactBindings.begin(member, proof, 'phone', to))
    expect(await begin('+8613800138009')).toBe('channel_off')
    expect(await begin(unserved)).toBe('phone_country_unserved')
  })

  test('another code is refused where the country was taken from the list meanwhile', async () => {
    const member = await world.join('resender')
    const number = '+8613800138001'
    const proof = await world.prove(member, 'phone.bind')
    const { binding_id } = await world.services.contactBindings.begin(member, proof, 'phone', number)
    special[number] = 'unserved'
    world.clock.advance(minute)
    expect(await refusalOf(world.services.contactBindings.resend(member, binding_id))).toBe('phone_country_unserved')
  })
})

describe('step-up', () => {
  test('offers no number that cannot be reached, and sends nothing there', async () => {
    const number = '+8613800138002'
    const member = await world.join('stepper')
    await world.bindPhone(member, number)
    const again = await world.again(member)
    const offered = async () =>
      (await world.services.stepUps.createChallenge(again, 'password.change')).methods.map(({ method }) => method)
    expect(await offered()).toContain('phone')
    const { challenge_id } = await world.services.stepUps.createChallenge(again, 'password.change')
    for (const reach of ['unserved', 'off'] as const) {
      special[number] = reach
      expect(await offered()).not.toContain('phone')
      expect(await refusalOf(world.services.stepUps.beginVerification(again, challenge_id, 'phone'))).toBe(
        'method_not_available',
      )
    }
  })
})

describe('a login', () => {
  const begin = async (username: string) => {
    const { login_id } = await world.services.logins.begin(username, caller)
    return { login_id, begun: () => world.services.logins.beginVerification(login_id, 'phone', caller) }
  }

  /** The answer, as far as it can be compared: without what is random in every one. */
  const answerTo = async (username: string) => {
    const answer = await (await begin(username)).begun()
    if (!('code' in answer) || !answer.code) throw new Error('no code was sent')
    return { ...answer, code: { ...answer.code, message_id: answer.code.message_id.length } }
  }

  test('looks the same with a number that is served, unserved or off, with none, and without an account', async () => {
    for (const [username, number] of [
      ['served', '+8613800138003'],
      ['unserved', '+4915112345679'],
      ['off', '+14155552672'],
    ] as const) {
      await world.bindPhone(await world.join(username), number)
    }
    await world.join('numberless')
    Object.assign(special, { '+4915112345679': 'unserved', '+14155552672': 'off' })
    await added()
    const usual = await answerTo('served')
    expect(await added()).toEqual({ decoys: 0, messages: 1 })
    for (const username of ['unserved', 'off', 'numberless', 'nobody']) {
      expect(await answerTo(username), username).toEqual(usual)
      expect(await added(), username).toEqual({ decoys: 1, messages: 0 })
    }
    // Those by which the numbers were bound, and none since.
    const codes = world.sent.filter(({ code }) => code !== null)
    expect(codes.filter(({ to }) => to === '+14155552672' || to === '+4915112345679')).toHaveLength(2)
  })

  test('goes on alike: any code is wrong, the next one may be asked for at the same time', async () => {
    const outcomes = async (username: string) => {
      const { login_id, begun } = await begin(username)
      const first = await refusalOf(begun())
      const early = await refusalOf(begun())
      const answer = { method: 'phone', code: '000000' } as const
      return [first, early, await refusalOf(world.services.logins.finishVerification(login_id, answer, caller))]
    }
    world.clock.advance(minute)
    const expected = ['done', 'throttled', 'login_failed']
    for (const username of ['unserved', 'off', 'nobody']) expect(await outcomes(username), username).toEqual(expected)
  })

  test('has no method whose channel is off, for anybody', async () => {
    channel = 'off'
    for (const username of ['served', 'unserved', 'nobody']) {
      expect(await refusalOf((await begin(username)).begun()), username).toBe('method_not_available')
    }
  })
})
