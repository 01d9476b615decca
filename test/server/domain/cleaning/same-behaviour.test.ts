// Two worlds live through the same: in one of them everything that has had its time is removed again and again. Nobody
// may be able to tell them apart.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sweep } from '../../../../src/server/domain/cleaning/cleaning.ts'
import type { Member } from '../../../../src/server/domain/domain.ts'
import { Refusal } from '../../../../src/server/domain/refusal.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { caller, openServerWorld, password, type ServerWorld } from '../../../support/server-world.ts'

const second = 1_000
const minute = 60 * second
const day = 24 * 60 * minute
const waits = [
  second,
  61 * second,
  6 * minute,
  11 * minute,
  16 * minute,
  60 * minute,
  day + second,
  3 * day,
  8 * day,
  31 * day,
]

/** What somebody may have in hand, however old it is. */
interface Hands {
  secret: string
  login: string
  challenge: string
  proof: string
  binding: string
}

/** Of refusals that tell of one thing, the one for all: after days nobody needs to know why it is over. */
const alike: Readonly<Record<string, string>> = {
  code_not_sent: 'over',
  code_expired: 'over',
  code_used: 'over',
  challenge_expired: 'over',
  binding_expired: 'over',
  login_expired: 'over',
}

type Act = (world: ServerWorld, hands: Hands, salt: number) => Promise<unknown>

/** As every request does: by the session's secret. */
const demand = async ({ services }: ServerWorld, hands: Hands): Promise<Member> =>
  services.sessions.authenticate(hands.secret, caller)

const acts: Record<string, Act> = {
  async logIn({ services }, hands) {
    const { login_id } = await services.logins.begin('ann', caller)
    hands.login = login_id
    const outcome = await services.logins.finishVerification(login_id, { method: 'password', password }, caller)
    if (outcome.state !== 'complete') return outcome.state
    hands.secret = outcome.session_secret
    return 'in'
  },
  async logInAgain({ services }, hands) {
    return (await services.logins.finishVerification(hands.login, { method: 'password', password }, caller)).state
  },
  async guess({ services }, hands, salt) {
    const { login_id } = await services.logins.begin(salt % 2 ? 'ann' : 'nobody', caller)
    hands.login = login_id
    await services.logins.finishVerification(login_id, { method: 'password', password: `wrong ${salt}` }, caller)
  },
  async use(world, hands) {
    return (await world.services.sessions.list(await demand(world, hands))).length
  },
  async logOut(world, hands) {
    return world.services.sessions.revokeMany(await demand(world, hands), 'current')
  },
  async ask(world, hands) {
    hands.challenge = (
      await world.services.stepUps.createChallenge(await demand(world, hands), 'phone.bind')
    ).challenge_id
  },
  async answer(world, hands, salt) {
    const answer = { method: 'password', password: salt % 3 ? password : 'wrong' } as const
    hands.proof = (
      await world.services.stepUps.finishVerification(await demand(world, hands), hands.challenge, answer)
    ).proof
  },
  async bind(world, hands, salt) {
    const number = `+861380000${1000 + (salt % 3)}`
    hands.binding = (
      await world.services.contactBindings.begin(await demand(world, hands), hands.proof, 'phone', number)
    ).binding_id
  },
  async resend(world, hands) {
    await world.services.contactBindings.resend(await demand(world, hands), hands.binding)
  },
  async finish(world, hands, salt) {
    const member = await demand(world, hands)
    const row = await world.services.domain.store.read.bindings.find(hands.binding)
    // What the route does before it asks for more.
    if (!row || row.account_id !== member.account.id || row.ended_at !== null) throw new Refusal('binding_expired')
    if (row.expires_at <= world.services.domain.clock.now()) throw new Refusal('binding_expired')
    const code = world.sent.findLast(message => message.code !== null && message.to === row.value)?.code ?? '000000'
    const typed = salt % 2 ? code : '000000'
    return (await world.services.contactBindings.finish(member, { ...row, item: 'phone' }, typed)).replaced
  },
}

const told = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    return { done: await work }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { attempts_left: attemptsLeft, retry_after: retryAfter } = error.members
    const code = alike[error.code] ?? error.code
    return code === 'over' ? { code } : { code, attemptsLeft, retryAfter }
  }
}

const names = Object.keys(acts)
const life = fc.array(
  fc.record({
    act: fc.constantFrom(...names),
    salt: fc.nat(11),
    wait: fc.option(fc.constantFrom(...waits), { nil: 0, freq: 2 }),
  }),
  { minLength: 4, maxLength: 24 },
)

async function live(
  world: ServerWorld,
  steps: readonly { act: string; salt: number; wait: number }[],
  cleans: boolean,
) {
  const hands: Hands = { secret: '', login: '', challenge: '', proof: '', binding: '' }
  const seen: unknown[] = []
  await world.join('ann')
  await acts.logIn?.(world, hands, 0)
  for (const { act, salt, wait } of steps) {
    world.clock.advance(wait)
    // Messages are on their way in both, or in neither.
    await new Promise(resolve => setImmediate(resolve))
    if (cleans) {
      const clock = manualClock(world.clock.now())
      const parts = { ...world.services.domain, clock, log: { info() {}, warn() {} }, keepEventsFor: undefined }
      await sweep(parts, Number.POSITIVE_INFINITY, new AbortController().signal)
    }
    seen.push([act, await told(acts[act]?.(world, hands, salt) ?? Promise.resolve())])
  }
  return seen
}

test('whatever is removed, people see no difference', async () => {
  await fc.assert(
    fc.asyncProperty(life, async steps => {
      // Guesses are forgotten after a hundred days: cleaning.test.ts.
      fc.pre(steps.reduce((sum, { wait }) => sum + wait, 0) < 100 * day)
      const seen: unknown[][] = []
      for (const cleans of [false, true]) {
        const world = await openServerWorld()
        try {
          seen.push(await live(world, steps, cleans))
        } finally {
          await world.close()
        }
      }
      expect(seen[1]).toEqual(seen[0])
    }),
    { numRuns: 100, interruptAfterTimeLimit: 12_000 },
  )
})
