import type { ApiClient } from '../api/client.ts'
import type { StepUp } from '../auth/step-up.ts'
import type { WebAuthnClient } from '../auth/webauthn/client.ts'
import { version } from '../lib/version.ts'
import type { Answers, Context, DemoHost, SystemContext, Terminal } from './context.ts'
import { sayError } from './errors.ts'
import type { ReadLink } from './link-file.ts'
import type { Network } from './network.ts'
import type { GlobalOptions } from './program.ts'
import { openProfile } from './session-profile.ts'
import type { SessionStore } from './session-store.ts'

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
      // One that could not be made has nothing to close.
      await (await loaded?.catch(() => undefined))?.close()
    },
  }
  return client
}

/** What makes the way to a server another than the usual one. */
const networkVariables = ['HUFU_CA_FILE', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const

export interface ContextParts {
  readonly system: SystemContext
  readonly globals: GlobalOptions
  readonly terminal: Terminal
  readonly answers: Answers
  readonly readLink?: ReadLink
  readonly store: SessionStore
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
  const network = async (server: string): Promise<Network> => {
    const isUsual = globals.caFile === undefined && networkVariables.every(name => !env[name])
    if (isUsual) return {}
    return (await import('./network.ts')).networkOf(server, globals.caFile, env, terminal.t('expected.ca_file'))
  }
  const explain = (error: unknown, next?: string) => {
    sayError(error, { terminal, server: origin, now: clock.now(), verbose: globals.verbose === true }, next)
  }
  const opened = openProfile(origin, globals.profile ?? 'default', { store, clock, api: () => api })
  const { profile } = opened
  const api = lazyApiClient(origin, opened.sessionSecret, async () =>
    (await import('../api/create-client.ts')).createApiClient({
      origin,
      ...(await network(origin)),
      secretOf: opened.secretOf,
      serviceCredential: serviceToken,
      connections,
      timeoutMilliseconds: callTimeoutMilliseconds,
      retry: { clock, random },
      userAgent: `hufu/${version} (${system.platform})`,
      language,
      signal,
      onSessionEnded: opened.onSessionEnded,
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
    network,
    clock,
    random,
    env,
    signal,
    timeoutSeconds: globals.timeout,
    demo,
    explain,
  }
}
