import type { ApiClient } from '../api/client.ts'
import type { StepUp } from '../auth/step-up.ts'
import type { WebAuthnClient } from '../auth/webauthn/client.ts'
import { timeOf } from '../lib/clock.ts'
import { version } from '../lib/version.ts'
import type { Answers, Context, DemoHost, SessionProfile, SystemContext, Terminal } from './context.ts'
import { sayError } from './errors.ts'
import type { ReadLink } from './link-file.ts'
import type { ProfileStore } from './profile.ts'
import type { GlobalOptions } from './program.ts'

const callTimeoutMilliseconds = 30_000

/** A client that is loaded by its first call. */
function lazyApiClient(origin: string, sessionSecret: string | undefined, load: () => Promise<ApiClient>): ApiClient {
  let loaded: Promise<ApiClient> | undefined
  const client: ApiClient = {
    origin,
    sessionSecret,
    async call(operation, call) {
      loaded ??= load()
      const actual = await loaded
      actual.sessionSecret = client.sessionSecret
      return actual.call(operation, call)
    },
    async close() {
      await (await loaded)?.close()
    },
  }
  return client
}

function sessionProfile(origin: string, profile: string, store: ProfileStore, api: () => ApiClient): SessionProfile {
  return {
    origin,
    profile,
    get username() {
      return store.session(origin, profile)?.username
    },
    get sessionId() {
      return store.session(origin, profile)?.sessionId
    },
    save(session) {
      store.save(origin, profile, session)
    },
    clear() {
      store.clear(origin, profile)
      api().sessionSecret = undefined
    },
  }
}

export interface ContextParts {
  readonly system: SystemContext
  readonly globals: GlobalOptions
  readonly terminal: Terminal
  readonly answers: Answers
  readonly readLink?: ReadLink
  readonly store: ProfileStore
  readonly origin: string
  readonly language: string
  readonly signal: AbortSignal
  readonly demo: DemoHost
  readonly serviceToken?: string | undefined
  /** Of the client, at once; left out: one. */
  readonly connections?: number | undefined
}

/** Puts a context together. Whatever talks to the server or to a key is loaded by its first use. */
export async function buildContext(parts: ContextParts): Promise<Context> {
  const { system, globals, terminal, answers, store, origin, language, signal, demo, serviceToken, connections } = parts
  const { clock, random, env } = system
  const profileName = globals.profile ?? 'default'
  const stored = store.session(origin, profileName)
  const sessionSecret = stored && timeOf(stored.expiresAt) > clock.now() ? stored.sessionSecret : undefined
  const explain = (error: unknown, next?: string) => {
    sayError(error, { terminal, server: origin, now: clock.now(), verbose: globals.verbose === true }, next)
  }
  const profile = sessionProfile(origin, profileName, store, () => api)
  const api = lazyApiClient(origin, sessionSecret, async () =>
    (await import('../api/create-client.ts')).createApiClient({
      origin,
      serviceCredential: serviceToken,
      connections,
      timeoutMilliseconds: callTimeoutMilliseconds,
      userAgent: `hufu/${version} (${system.platform})`,
      language,
      signal,
      onSessionEnded() {
        // That of an enrolment link is not the stored one.
        if (store.session(origin, profileName)?.sessionSecret === api.sessionSecret) profile.clear()
      },
    }),
  )
  const { createInteraction } = await import('./interaction.ts')
  const { createInput } = await import('./input.ts')
  const interaction = createInteraction({ terminal, answers, verify: globals.verify ?? [], clock, signal, explain })

  let webauthnClient: Promise<WebAuthnClient> | undefined
  const loadWebAuthn = () => {
    webauthnClient ??= (async () => {
      const { createWebAuthnClient } = await import('../auth/webauthn/client.ts')
      const { openAuthenticators } = await import('../hid/index.ts')
      return createWebAuthnClient({
        origin,
        interaction,
        clock,
        isKeyNamed: globals.device !== undefined,
        openAuthenticators: () => openAuthenticators({ device: globals.device, clock, random, signal }),
      })
    })()
    return webauthnClient
  }
  const openKeys = async (device: string | undefined) =>
    (await import('../hid/index.ts')).openAuthenticators({ device, clock, random, signal })
  const webauthn: WebAuthnClient = {
    create: async options => (await loadWebAuthn()).create(options),
    get: async options => (await loadWebAuthn()).get(options),
  }
  const stepUp: Pick<StepUp, 'run'> = {
    async run(operation, value, call) {
      const { StepUp: Ceremony } = await import('../auth/step-up.ts')
      return new Ceremony({ api, clock, interaction, webauthn }).run(operation, value, call)
    },
  }
  return {
    terminal,
    input: createInput(terminal, answers, parts.readLink),
    interaction,
    api,
    stepUp,
    hasToken: serviceToken !== undefined,
    webauthn,
    device: globals.device,
    openAuthenticators: openKeys,
    profile,
    clock,
    random,
    env,
    signal,
    timeoutSeconds: globals.timeout,
    demo,
    explain,
  }
}
