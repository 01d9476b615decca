import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Conf from 'conf'
import { CommandError } from '../commands/command-error.ts'
import { whileLocked } from './file-lock.ts'

export interface StoredSession {
  readonly username: string
  /** Left out where it lies in the keyring: never in both. */
  readonly sessionSecret?: string
  readonly sessionId: string
  /** ISO 8601. */
  readonly expiresAt: string
}

interface Stored {
  readonly version?: number
  readonly defaultServer?: string
  /** By server, then by profile. */
  readonly sessions?: Readonly<Record<string, Readonly<Record<string, StoredSession>>>>
}

/** Logins, kept in one file that only its owner may read. */
export interface ProfileStore {
  readonly file: string
  /** The server of the last login. */
  readonly defaultServer: string | undefined
  session(origin: string, profile: string): StoredSession | undefined
  /** @returns what it took the place of */
  save(origin: string, profile: string, session: StoredSession): StoredSession | undefined
  /** Removes the session of this id; one of another id, which came in its place meanwhile, stays. */
  clear(origin: string, profile: string, sessionId: string): void
}

type Environment = Readonly<Record<string, string | undefined>>

/** Where the file lies: the XDG base directory (`$XDG_CONFIG_HOME`, `~/.config`), on Windows `%APPDATA%`. */
export function profileDirectory(env: Environment, platform: NodeJS.Platform): string {
  const home = (platform === 'win32' ? env.USERPROFILE : env.HOME) ?? '.'
  const base = env.XDG_CONFIG_HOME || (platform === 'win32' && env.APPDATA) || join(home, '.config')
  return join(base, 'hufu')
}

const isSession = (value: unknown): value is StoredSession =>
  typeof value === 'object' &&
  value !== null &&
  ['username', 'sessionId', 'expiresAt'].every(name => typeof (value as Record<string, unknown>)[name] === 'string') &&
  ('sessionSecret' in value ? typeof value.sessionSecret === 'string' : 'keyring' in value && value.keyring === true)

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Opens the file of logins. @throws {CommandError} `profile_unreadable` when it is there and cannot be understood. */
export function openProfiles(env: Environment, platform: NodeJS.Platform): ProfileStore {
  const directory = profileDirectory(env, platform)
  const file = join(directory, 'logins.json')
  const open = () =>
    new Conf<Record<string, unknown>>({
      projectName: 'hufu',
      cwd: directory,
      configName: 'logins',
      configFileMode: 0o600,
      clearInvalidConfig: false,
      accessPropertiesByDotNotation: false,
    })
  const read = (): Stored => {
    try {
      return open().store as Stored
    } catch (error) {
      throw new CommandError('profile_unreadable', { file, reason: reasonOf(error) }, { cause: error })
    }
  }
  const unwritable = (error: unknown) =>
    new CommandError('profile_unwritable', { file, reason: reasonOf(error) }, { cause: error })
  const makeDirectory = () => {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      if (platform !== 'win32' && (statSync(directory).mode & 0o077) !== 0) chmodSync(directory, 0o700)
    } catch (error) {
      throw unwritable(error)
    }
  }
  const write = (stored: Stored) => {
    try {
      open().store = { ...stored, version: 1 }
      if (platform !== 'win32') chmodSync(file, 0o600)
    } catch (error) {
      throw unwritable(error)
    }
  }
  let stored = read()
  const find = (origin: string, profile: string): StoredSession | undefined => {
    const found = stored.sessions?.[origin]?.[profile]
    return isSession(found) ? found : undefined
  }
  const change = (origin: string, profile: string, session: StoredSession | undefined) => {
    const { [profile]: _replaced, ...others } = stored.sessions?.[origin] ?? {}
    const kept = session && (session.sessionSecret === undefined ? { ...session, keyring: true } : session)
    write({
      ...stored,
      ...(session ? { defaultServer: origin } : {}),
      sessions: { ...stored.sessions, [origin]: kept ? { ...others, [profile]: kept } : others },
    })
    stored = read()
  }
  /** What is written rests on what is read, which no other process may change in between. */
  const alone = <T>(body: () => T): T => {
    makeDirectory()
    try {
      return whileLocked(`${file}.lock`, () => {
        stored = read()
        return body()
      })
    } catch (error) {
      throw error instanceof CommandError ? error : unwritable(error)
    }
  }
  return {
    file,
    get defaultServer() {
      return typeof stored.defaultServer === 'string' ? stored.defaultServer : undefined
    },
    session: find,
    save: (origin, profile, session) =>
      alone(() => {
        const replaced = find(origin, profile)
        change(origin, profile, session)
        return replaced
      }),
    clear(origin, profile, sessionId) {
      if (stored.sessions?.[origin]?.[profile] === undefined) return
      alone(() => {
        if (find(origin, profile)?.sessionId === sessionId) change(origin, profile, undefined)
      })
    },
  }
}
