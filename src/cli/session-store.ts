import { dirname, join } from 'node:path'
import { CommandError } from '../commands/command-error.ts'
import type { KeyringFault } from './keyring/fault.ts'
import type { Keyring } from './keyring/keyring.ts'
import type { ProfileStore, StoredSession } from './profile.ts'

/** Where the secret of a session lies, or would. */
export interface SessionStorage {
  readonly kind: 'keyring' | 'file'
  /** What people call the keyring; the path of the file. */
  readonly name: string
  /**
   * Of a keyring: why it cannot be used now. Of a file: why it is not the keyring; `not_interactive` where a script
   * logs in, `earlier_login` where the next login would be kept in the keyring.
   */
  readonly reason?: KeyringFault | 'not_interactive' | 'earlier_login'
}

export interface NewSession {
  readonly username: string
  readonly sessionSecret: string
  readonly sessionId: string
  /** ISO 8601. */
  readonly expiresAt: string
}

/** Logins: all of them in one file, and the secret of each there or in the keyring. */
export interface SessionStore {
  /** The server of the last login. */
  readonly defaultServer: string | undefined
  session(origin: string, profile: string): StoredSession | undefined
  /**
   * The secret of a stored session; `undefined` where the keyring has none.
   * @throws {CommandError} `keyring_unavailable`
   */
  secretOf(origin: string, profile: string, session: StoredSession): Promise<string | undefined>
  /** @throws {CommandError} `keyring_unavailable` where HUFU_KEYRING=on, `profile_unwritable` */
  save(origin: string, profile: string, session: NewSession): Promise<void>
  clear(origin: string, profile: string): Promise<void>
  storage(origin: string, profile: string): Promise<SessionStorage>
}

export interface SessionStoreOptions {
  readonly profiles: ProfileStore
  readonly env: Readonly<Record<string, string | undefined>>
  readonly platform: NodeJS.Platform
  /** The file that was started; the program that asks the keyring is beside it. */
  readonly executable: string
  readonly interactive: boolean
  readonly signal: AbortSignal
  /** Told when the keyring may be waiting for the person. */
  readonly onWaiting: () => void
}

/** Whether to use the keyring; `auto`: for whoever logs in at a terminal, where there is one. */
type Wish = 'on' | 'off' | 'auto'

function wishOf(text: string | undefined): Wish {
  if (!text) return 'auto'
  if (text === 'on' || text === 'off') return text
  throw new CommandError('input_malformed', { source: 'HUFU_KEYRING', expected: 'on, off' })
}

/** Each session has an entry of its own, so that of two logins at once neither gets the other's secret. */
const accountOf = (origin: string, profile: string, sessionId: string) => `${origin} ${profile} ${sessionId}`

const faultOf = (error: unknown): KeyringFault | undefined =>
  error instanceof Error && 'fault' in error ? (error.fault as KeyringFault) : undefined

/** @throws {CommandError} `input_malformed` for a HUFU_KEYRING that is neither `on` nor `off` */
export function createSessionStore(options: SessionStoreOptions): SessionStore {
  const { profiles, env, platform, executable, interactive } = options
  const wish = wishOf(env.HUFU_KEYRING)
  let opened: Promise<{ keyring: Keyring; name: string }> | undefined
  const open = () => {
    opened ??= import('./keyring/keyring.ts').then(({ openKeyring, keyringName }) => ({
      keyring: openKeyring({ ...options, program: join(dirname(executable), 'hufu-keyring.cjs') }),
      name: keyringName(platform),
    }))
    return opened
  }

  /** @throws {CommandError} `keyring_unavailable` for what a keyring throws */
  async function withKeyring<T>(use: (keyring: Keyring) => Promise<T>): Promise<T> {
    const { keyring, name } = await open()
    try {
      if (wish === 'off') throw Object.assign(new Error('off'), { fault: 'off' })
      return await use(keyring)
    } catch (error) {
      const fault = faultOf(error)
      throw fault ? new CommandError('keyring_unavailable', { keyring: name, fault }, { cause: error }) : error
    }
  }

  /** Why it does not work, or nothing. */
  const attempt = (use: (keyring: Keyring) => Promise<void>): Promise<KeyringFault | undefined> =>
    withKeyring(use).then(
      () => undefined,
      (error: unknown) => {
        const fault = error instanceof CommandError ? faultOf(error.cause) : undefined
        if (fault === undefined) throw error
        return fault
      },
    )

  async function forget(origin: string, profile: string, { sessionId }: StoredSession): Promise<void> {
    // A session that has ended, or was replaced, opens nothing; where the keyring keeps it, so be it.
    await attempt(keyring => keyring.remove(accountOf(origin, profile, sessionId)))
  }

  const isWanted = wish === 'on' || (wish === 'auto' && interactive)

  return {
    get defaultServer() {
      return profiles.defaultServer
    },
    session: profiles.session,
    async secretOf(origin, profile, session) {
      if (session.sessionSecret !== undefined) return session.sessionSecret
      return withKeyring(keyring => keyring.read(accountOf(origin, profile, session.sessionId)))
    },
    async save(origin, profile, { sessionSecret, ...session }) {
      const account = accountOf(origin, profile, session.sessionId)
      const write = (keyring: Keyring) => keyring.write(account, sessionSecret)
      if (wish === 'on') await withKeyring(write)
      const fault = wish === 'on' || !isWanted ? undefined : await attempt(write)
      const isKept = isWanted && fault === undefined
      const replaced = profiles.save(origin, profile, isKept ? session : { ...session, sessionSecret })
      const isLeftOver = replaced && replaced.sessionSecret === undefined && replaced.sessionId !== session.sessionId
      // A keyring that has just failed is not waited for once more.
      if (isLeftOver && fault === undefined) await forget(origin, profile, replaced)
    },
    async clear(origin, profile) {
      const session = profiles.session(origin, profile)
      if (!session) return
      profiles.clear(origin, profile, session.sessionId)
      if (session.sessionSecret === undefined) await forget(origin, profile, session)
    },
    async storage(origin, profile) {
      const session = profiles.session(origin, profile)
      const { name } = await open()
      const fault = wish === 'off' ? 'off' : await attempt(keyring => keyring.look())
      if (session && session.sessionSecret === undefined) {
        return { kind: 'keyring', name, ...(fault ? { reason: fault } : {}) }
      }
      if (fault) return { kind: 'file', name: profiles.file, reason: fault }
      if (!isWanted) return { kind: 'file', name: profiles.file, reason: 'not_interactive' }
      return session ? { kind: 'file', name: profiles.file, reason: 'earlier_login' } : { kind: 'keyring', name }
    },
  }
}
