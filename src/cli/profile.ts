import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Conf from 'conf'
import { CommandError } from '../commands/command-error.ts'

export interface StoredSession {
  readonly username: string
  readonly sessionSecret: string
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
  save(origin: string, profile: string, session: StoredSession): void
  clear(origin: string, profile: string): void
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
  ['username', 'sessionSecret', 'sessionId', 'expiresAt'].every(
    name => typeof (value as Record<string, unknown>)[name] === 'string',
  )

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
  const write = (stored: Stored) => {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      if (platform !== 'win32' && (statSync(directory).mode & 0o077) !== 0) chmodSync(directory, 0o700)
      open().store = { ...stored, version: 1 }
      if (platform !== 'win32') chmodSync(file, 0o600)
    } catch (error) {
      throw new CommandError('profile_unwritable', { file, reason: reasonOf(error) }, { cause: error })
    }
  }
  let stored = read()
  const change = (origin: string, profile: string, session: StoredSession | undefined) => {
    stored = read()
    const { [profile]: _replaced, ...others } = stored.sessions?.[origin] ?? {}
    const ofServer = session ? { ...others, [profile]: session } : others
    write({
      ...stored,
      ...(session ? { defaultServer: origin } : {}),
      sessions: { ...stored.sessions, [origin]: ofServer },
    })
    stored = read()
  }
  return {
    file,
    get defaultServer() {
      return typeof stored.defaultServer === 'string' ? stored.defaultServer : undefined
    },
    session(origin, profile) {
      const found = stored.sessions?.[origin]?.[profile]
      return isSession(found) ? found : undefined
    },
    save: change,
    clear(origin, profile) {
      if (stored.sessions?.[origin]?.[profile] !== undefined) change(origin, profile, undefined)
    },
  }
}
