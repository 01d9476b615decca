import type { Context, Input } from '../../src/cli/context.ts'
import { sayError } from '../../src/cli/errors.ts'
import { createInput } from '../../src/cli/input.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { ScriptedInteraction } from '../auth/scripted-interaction.ts'
import { recordedTerminal } from '../cli/recorded-terminal.ts'
import { FakeApiClient } from '../support/fake-api-client.ts'

export const proof = 'P'.repeat(43)
export const id = 'A'.repeat(22)
export const time = '2026-11-22T13:05:00.000Z'
export const now = Date.parse(time)

/** A context around a client of the contract; step-up gives `proof` at once. What sleeps moves the clock. */
export async function fakeContext(
  options: {
    input?: Partial<Input>
    interaction?: ScriptedInteraction
    terminal?: Parameters<typeof recordedTerminal>[0]
    device?: string
    openAuthenticators?: Context['openAuthenticators']
    hasToken?: boolean
  } = {},
) {
  const api = new FakeApiClient()
  const screen = await recordedTerminal(options.terminal)
  const { terminal } = screen
  const interaction = options.interaction ?? new ScriptedInteraction()
  let milliseconds = now
  const clock: Clock = {
    now: () => milliseconds,
    sleep: async wait => {
      milliseconds += wait
    },
  }
  const nothing = async () => undefined
  const answers = {
    username: nothing,
    password: nothing,
    newPassword: nothing,
    code: nothing,
    recoveryCode: nothing,
    pin: nothing,
    newPin: nothing,
  }
  const stepUps: string[] = []
  let cleared = false
  const context: Context = {
    terminal,
    api,
    interaction,
    input: { ...createInput(terminal, answers), ...options.input },
    stepUp: {
      run: (operation, value, call) => {
        stepUps.push(value === undefined ? operation : `${operation} ${value}`)
        return call(proof)
      },
    },
    hasToken: options.hasToken ?? false,
    webauthn: {
      create: () => Promise.reject(new TypeError('no key here')),
      get: () => Promise.reject(new TypeError('no key here')),
    },
    device: options.device,
    openAuthenticators: options.openAuthenticators ?? (() => Promise.reject(new TypeError('no key here'))),
    profile: {
      origin: api.origin,
      profile: 'default',
      username: 'alice',
      sessionId: id,
      save: async () => {},
      clear: async () => {
        cleared = true
      },
      storage: async () => ({ kind: 'file', name: 'logins.json', reason: 'no_service' }),
    },
    network: async () => ({}),
    clock,
    random: systemRandom,
    env: {},
    signal: interaction.signal,
    timeoutSeconds: undefined,
    demo: { start: () => Promise.reject(new TypeError('no demo here')) },
    explain: (error, next) => {
      sayError(error, { terminal, server: api.origin, now, verbose: false }, next)
    },
  }
  return { ...screen, context, api, stepUps, isCleared: () => cleared }
}

/** A new password, typed by somebody who may be asked again. */
export const typed =
  <T>(values: T[]) =>
  async (): Promise<T> => {
    const [value] = values.splice(0, 1)
    if (value === undefined) throw new Error('nothing more is typed')
    return value
  }
