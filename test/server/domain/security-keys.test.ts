// Security keys in the rules: bound, used at logins and step-ups, and refused there for what the store knows.

import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { WebAuthnProblemCode } from '../../../src/contract/webauthn-problems.ts'
import { fromBase64url } from '../../../src/lib/base64url.ts'
import { defaultPolicy, type Member, type WebAuthnPolicy } from '../../../src/server/domain/domain.ts'
import { readOverview } from '../../../src/server/domain/overview.ts'
import * as keys from '../../support/key-member.ts'
import { answering } from '../../support/key-member.ts'
import { caller, openServerWorld, refusalOf, type ServerWorld } from '../../support/server-world.ts'
import { androidKey, packedBy, rootCertificate, selfAttested } from '../../support/webauthn-attestation.ts'
import {
  encode,
  flags,
  keyKinds,
  makeAssertion,
  makeKey,
  makeRegistration,
  type Parts,
  partsOf,
  party,
} from '../../support/webauthn-ceremony.ts'

const { rpId, origin } = party
const openWorld = (webauthn: Partial<WebAuthnPolicy> = {}) =>
  openServerWorld({ policy: { rpId, origins: [origin], webauthn: { ...defaultPolicy.webauthn, ...webauthn } } })

let world: ServerWorld
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const beginBinding = (member: Member, name?: string, of = world) => keys.beginBinding(of, member, name)
const bindKey = (member: Member, changes: Partial<Parts> = {}, of = world) => keys.bindKey(of, member, changes)
const beginLogin = (username: string, of = world) => keys.beginLogin(of, username)
const logIn = (member: Member, parts: Parts, of = world) => keys.logIn(of, member, parts)
const beginStepUp = (member: Member, of = world) => keys.beginStepUp(of, member)
const stepUp = (member: Member, parts: Parts, of = world) => keys.stepUp(of, member, parts)

const keysOf = async (member: Member) =>
  (await readOverview(world.services.domain, member)).items.find(({ item }) => item === 'webauthn')?.keys ?? []

const eventsOf = async (member: Member, action: string) =>
  (await world.services.domain.store.read.events.list(member.account.id, 50, undefined)).filter(
    event => event.action === action,
  )

test.each([...keyKinds, 'Ed448 as -53'] as const)(
  'a key of %s is offered, bound, used at step-up and login',
  async kind => {
    const fullySpecified = kind === 'Ed448 as -53'
    const made = makeKey(fullySpecified ? 'Ed448' : kind)
    const key = fullySpecified ? { ...made, algorithm: -53, cose: new Map(made.cose).set(3, -53) } : made
    const member = await world.join(`key-${kind.toLowerCase().replaceAll(' ', '-')}`)
    const { options } = await beginBinding(member)
    expect(options.pubKeyCredParams.map(({ alg }) => alg)).toContain(key.algorithm)
    const { parts } = await bindKey(member, { key, coseBytes: encode(key.cose) })
    await expect(stepUp(member, parts)).resolves.toMatchObject({ method: 'webauthn' })
    await expect(logIn(member, { ...parts, signCount: 9 })).resolves.toMatchObject({ state: 'complete' })
  },
)

test('keys have names of their own, and say when they were last used', async () => {
  const member = await world.join('two-keys')
  const first = await bindKey(member)
  world.clock.advance(1)
  const second = await bindKey(member)
  expect([first.name, second.name]).toEqual(['Security key 1', 'Security key 2'])
  expect(await refusalOf(beginBinding(member, 'Security key 1'))).toBe('key_name_invalid')
  expect((await keysOf(member)).map(({ last_used_at }) => last_used_at)).toEqual([null, null])
  world.clock.advance(60_000)
  await logIn(member, { ...second.parts, signCount: 8 })
  const [unused, used] = await keysOf(member)
  expect(unused).toMatchObject({ name: 'Security key 1', last_used_at: null })
  expect(used).toMatchObject({ name: 'Security key 2', last_used_at: new Date(world.clock.now()).toISOString() })
})

describe('a counter', () => {
  test('that steps back is recorded and told, and locks nobody out', async () => {
    const member = await world.join('copied')
    const { parts, name } = await bindKey(member, { signCount: 7 })
    const sentBefore = world.sent.length
    await expect(logIn(member, { ...parts, signCount: 6 })).resolves.toMatchObject({ state: 'complete' })
    const [event, ...more] = await eventsOf(member, 'webauthn.counter_regressed')
    expect(more).toEqual([])
    expect(event).toMatchObject({ method: 'webauthn', source: caller.source, details: JSON.stringify({ old: name }) })
    await expect
      .poll(() =>
        world.sent
          .slice(sentBefore)
          .filter(({ to }) => to === 'copied@example.com')
          .map(({ text }) => text),
      )
      .toEqual([expect.stringContaining(name)])
    await expect(stepUp(member, { ...parts, signCount: 10 })).resolves.toBeDefined()
    expect(await eventsOf(member, 'webauthn.counter_regressed')).toHaveLength(1)
  })

  test('that is always 0 is none', async () => {
    const member = await world.join('countless')
    const { parts } = await bindKey(member, { signCount: 0 })
    await logIn(member, parts)
    await logIn(member, parts)
    expect(await eventsOf(member, 'webauthn.counter_regressed')).toEqual([])
  })
})

describe('a registration is refused', () => {
  const used: [WebAuthnProblemCode, string, (member: Member) => Promise<unknown>][] = [
    [
      'webauthn_credential_in_use',
      'for a credential of the account',
      async member => bindKey(member, { credentialId: (await bindKey(member)).parts.credentialId }),
    ],
    [
      'webauthn_credential_in_use',
      'for a credential of another account',
      async member => {
        const { parts } = await bindKey(await world.join('other-owner'))
        return bindKey(member, { credentialId: parts.credentialId })
      },
    ],
    [
      'webauthn_challenge_used',
      'that comes twice',
      async member => {
        const { binding_id, options } = await beginBinding(member)
        const response = makeRegistration(answering(partsOf({}), options.challenge))
        await world.services.webauthnBindings.finish(member, binding_id, response)
        return world.services.webauthnBindings.finish(member, binding_id, response)
      },
    ],
    [
      'webauthn_challenge_expired',
      'that comes too late',
      async member => {
        const { binding_id, options } = await beginBinding(member)
        world.clock.advance(defaultPolicy.bindingLifetime)
        const response = makeRegistration(answering(partsOf({}), options.challenge))
        return world.services.webauthnBindings.finish(member, binding_id, response)
      },
    ],
    [
      'webauthn_challenge_foreign',
      'in another session of the account',
      async member => {
        const { binding_id, options } = await beginBinding(member)
        const response = makeRegistration(answering(partsOf({}), options.challenge))
        return world.services.webauthnBindings.finish(await world.logIn(member.account.username), binding_id, response)
      },
    ],
  ]
  test.each(used)('%s: %s', async (code, what, work) => {
    const member = await world.join(`reg-${what.replaceAll(' ', '-')}`.slice(0, 32))
    expect(await refusalOf(work(member))).toBe(code)
  })

  test('of two that come at once one is bound, the other comes second', async () => {
    const member = await world.join('reg-race')
    const { binding_id, options } = await beginBinding(member)
    const outcomes = await Promise.all(
      [1, 2].map(() => {
        const response = makeRegistration(answering(partsOf({}), options.challenge))
        return refusalOf(world.services.webauthnBindings.finish(member, binding_id, response))
      }),
    )
    expect(outcomes.sort()).toEqual(['done', 'webauthn_challenge_used'])
  })

  test('of another account’s binding nothing is told', async () => {
    const { binding_id, options } = await beginBinding(await world.join('reg-victim'))
    const stranger = await world.join('reg-stranger')
    const response = makeRegistration(answering(partsOf({}), options.challenge))
    const finish = () => refusalOf(world.services.webauthnBindings.finish(stranger, binding_id, response))
    expect(await finish()).toBe('binding_expired')
    world.clock.advance(defaultPolicy.bindingLifetime)
    expect(await finish()).toBe('binding_expired')
  })
})

describe('a step-up is refused', () => {
  const refusals: [string, string, (member: Member, parts: Parts) => Promise<unknown>][] = [
    [
      'webauthn_challenge_used',
      'that comes twice',
      async (member, parts) => {
        const { challenge_id, options } = await beginStepUp(member)
        const credential = makeAssertion(answering(parts, options.challenge, member.account.user_handle))
        const finish = () =>
          world.services.stepUps.finishVerification(member, challenge_id, { method: 'webauthn', credential })
        await finish()
        return finish()
      },
    ],
    [
      'webauthn_challenge_used',
      'for which no ceremony was begun',
      async (member, parts) => {
        const { challenge_id } = await world.services.stepUps.createChallenge(member, 'password.change')
        const credential = makeAssertion(parts)
        return world.services.stepUps.finishVerification(member, challenge_id, { method: 'webauthn', credential })
      },
    ],
    [
      'webauthn_challenge_expired',
      'that comes too late',
      async (member, parts) => {
        const { challenge_id, options } = await beginStepUp(member)
        world.clock.advance(defaultPolicy.challengeLifetime)
        const credential = makeAssertion(answering(parts, options.challenge, member.account.user_handle))
        return world.services.stepUps.finishVerification(member, challenge_id, { method: 'webauthn', credential })
      },
    ],
    [
      'webauthn_challenge_foreign',
      'in another session of the account',
      async (member, parts) => {
        const { challenge_id, options } = await beginStepUp(member)
        const credential = makeAssertion(answering(parts, options.challenge, member.account.user_handle))
        const { session_secret } = await completed(logIn(member, { ...parts, signCount: 8 }))
        const elsewhere = await world.services.sessions.authenticate(session_secret, caller)
        return world.services.stepUps.finishVerification(elsewhere, challenge_id, { method: 'webauthn', credential })
      },
    ],
    [
      'webauthn_challenge_mismatch',
      'that answers the challenge before',
      async (member, parts) => {
        const { challenge_id, options } = await beginStepUp(member)
        await world.services.stepUps.beginVerification(member, challenge_id, 'webauthn')
        const credential = makeAssertion(answering(parts, options.challenge, member.account.user_handle))
        return world.services.stepUps.finishVerification(member, challenge_id, { method: 'webauthn', credential })
      },
    ],
    [
      'webauthn_credential_unknown',
      'by a key of another account',
      async member => stepUp(member, (await bindKey(await world.join('step-other'))).parts),
    ],
    ['webauthn_credential_unknown', 'by a key of nobody', member => stepUp(member, partsOf({}))],
  ]
  test.each(refusals)('%s: %s', async (code, what, work) => {
    const member = await world.join(`step-${what.replaceAll(' ', '-')}`.slice(0, 32))
    const { parts } = await bindKey(member)
    expect(await refusalOf(work(member, parts))).toBe(code)
  })

  test('of another account’s challenge nothing is told', async () => {
    const member = await world.join('step-victim')
    const { parts } = await bindKey(member)
    const { challenge_id, options } = await beginStepUp(member)
    const credential = makeAssertion(answering(parts, options.challenge, member.account.user_handle))
    const stranger = await world.join('step-stranger')
    const answer = { method: 'webauthn', credential } as const
    expect(await refusalOf(world.services.stepUps.finishVerification(stranger, challenge_id, answer))).toBe(
      'challenge_expired',
    )
  })
})

async function completed(login: ReturnType<typeof logIn>) {
  const outcome = await login
  if (outcome.state !== 'complete') throw new Error(outcome.state)
  return outcome
}

describe('a login answers alike for an account with a key and for nobody', () => {
  const mistakes: [string, Partial<Parts>][] = [
    ['another origin', { clientData: { origin: 'https://evil.example' } }],
    ['another challenge', { clientData: { challenge: 'A'.repeat(43) } }],
    ['another relying party', { rpId: 'example.com' }],
    ['no touch', { flags: flags.uv }],
    ['another eligibility for backups', { flags: flags.up | flags.uv | flags.be }],
    ['another user', { userHandle: Buffer.from('somebody') }],
    [
      'a guessed user and another origin',
      { userHandle: Buffer.alloc(1), clientData: { origin: 'https://evil.example' } },
    ],
    ['a signature of somebody', {}],
    ['a signature that is no DER', { signature: () => Buffer.alloc(64) }],
  ]
  test.each(mistakes)('%s', async (what, changes) => {
    const member = await world.join(`alike-${what.replaceAll(' ', '-')}`.slice(0, 32))
    await bindKey(member)
    const outcomes = []
    for (const username of [member.account.username, `nobody-${what.replaceAll(' ', '-')}`.slice(0, 32)]) {
      const { login_id, options } = await beginLogin(username)
      const credentialId = fromBase64url(options.allowCredentials?.[0]?.id ?? '')
      const credential = makeAssertion(answering(partsOf({ ...changes, credentialId }), options.challenge))
      if (!changes.userHandle) credential.response.userHandle = null
      outcomes.push(
        await refusalOf(world.services.logins.finishVerification(login_id, { method: 'webauthn', credential }, caller)),
      )
    }
    expect(outcomes[0]).toBe(outcomes[1])
    expect(outcomes[0]).toMatch(/^(webauthn_|login_failed)/)
  })
})

test('who has no key is offered decoys, the same each time, and who has one is offered that', async () => {
  const offered = async (username: string) => (await beginLogin(username)).options.allowCredentials
  const keyless = await world.join('keyless')
  for (const username of ['keyless', 'nobody-at-all']) {
    const decoys = await offered(username)
    expect(decoys?.length).toBeGreaterThan(0)
    expect(await offered(username)).toEqual(decoys)
  }
  const { parts } = await bindKey(keyless)
  const id = Buffer.from(parts.credentialId).toString('base64url')
  expect(await offered('keyless')).toEqual([{ type: 'public-key', id, transports: ['nfc', 'usb'] }])
})

test('a key that is unbound while its answer is judged proves nothing', async () => {
  const member = await world.join('unbound-meanwhile')
  const { parts } = await bindKey(member)
  const { challenge_id, options } = await beginStepUp(member)
  const credential = makeAssertion(answering(parts, options.challenge, member.account.user_handle))
  const { store } = world.services.domain
  const [key] = await keysOf(member)
  const transaction = store.transaction
  const applying = vi.spyOn(store, 'transaction').mockImplementationOnce(async body => {
    await transaction(queries => queries.authenticators.removeCredential(member.account.id, key?.id ?? ''))
    return transaction(body)
  })
  const answer = { method: 'webauthn', credential } as const
  const finished = refusalOf(world.services.stepUps.finishVerification(member, challenge_id, answer))
  expect(await finished.finally(() => applying.mockRestore())).toBe('webauthn_credential_unknown')
  expect(await keysOf(member)).toEqual([])
})

describe('the policy', () => {
  test('asks for user verification, and holds keys to it at registration, step-up and login', async () => {
    const strict = await openWorld({ userVerification: 'required' })
    try {
      const member = await strict.join('verified')
      const touched = { flags: flags.up }
      expect((await beginBinding(member, undefined, strict)).options.authenticatorSelection).toMatchObject({
        userVerification: 'required',
      })
      expect(await refusalOf(bindKey(member, touched, strict))).toBe('webauthn_user_not_verified')
      const { parts } = await bindKey(member, {}, strict)
      expect((await beginStepUp(member, strict)).options.userVerification).toBe('required')
      expect((await beginLogin('verified', strict)).options.userVerification).toBe('required')
      expect(await refusalOf(stepUp(member, { ...parts, ...touched }, strict))).toBe('webauthn_user_not_verified')
      expect(await refusalOf(logIn(member, { ...parts, ...touched }, strict))).toBe('webauthn_user_not_verified')
      await expect(logIn(member, parts, strict)).resolves.toMatchObject({ state: 'complete' })
    } finally {
      await strict.close()
    }
  })

  test('asks for attestation, and trusts configured roots and models alone', async () => {
    const trustedRoots = [new X509Certificate(rootCertificate)]
    const allowed = '00112233-4455-6677-8899-aabbccddeeff'
    const strict = await openWorld({ attestation: 'direct', trustedRoots, allowedAaguids: [allowed] })
    try {
      const member = await strict.join('attested')
      expect((await beginBinding(member, undefined, strict)).options.attestation).toBe('direct')
      const bind = (changes: Partial<Parts>) => refusalOf(bindKey(member, changes, strict))
      expect(await bind({})).toBe('webauthn_attestation_missing')
      expect(await bind(selfAttested)).toBe('webauthn_attestation_missing')
      expect(await bind(packedBy({ issuerKey: makeKey('ES256').privateKey }))).toBe('webauthn_attestation_untrusted')
      expect(await bind({ ...packedBy(), aaguid: Buffer.alloc(16) })).toBe('webauthn_authenticator_not_allowed')
      expect(await bind(packedBy())).toBe('done')
      expect(await bind(androidKey())).toBe('done')
    } finally {
      await strict.close()
    }
  })

  test('refuses models that are denied', async () => {
    const strict = await openWorld({ deniedAaguids: ['00112233-4455-6677-8899-aabbccddeeff'] })
    try {
      const member = await strict.join('denied')
      expect(await refusalOf(bindKey(member, {}, strict))).toBe('webauthn_authenticator_not_allowed')
      expect(await refusalOf(bindKey(member, { aaguid: Buffer.alloc(16) }, strict))).toBe('done')
    } finally {
      await strict.close()
    }
  })

  test('takes frames of listed pages alone', async () => {
    const strict = await openWorld({ topOrigins: ['https://portal.example'] })
    try {
      const member = await strict.join('framed')
      const framed = (topOrigin: string) => ({ clientData: { crossOrigin: true, topOrigin } })
      expect(await refusalOf(bindKey(member, framed('https://evil.example'), strict))).toBe(
        'webauthn_top_origin_not_allowed',
      )
      const { parts } = await bindKey(member, framed('https://portal.example'), strict)
      await expect(logIn(member, parts, strict)).resolves.toMatchObject({ state: 'complete' })
    } finally {
      await strict.close()
    }
  })
})
