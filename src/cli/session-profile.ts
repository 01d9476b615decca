import type { ApiClient } from '../api/client.ts'
import { type Clock, timeOf } from '../lib/clock.ts'
import type { SessionProfile } from './context.ts'
import type { SessionStore } from './session-store.ts'

/** What the client has in the place of a secret that lies in the keyring, until a call needs it. It is never sent. */
const standIn = (sessionId: string): string => `in the keyring: ${sessionId}`

/** The login of one profile, and what the client has to know of it. */
export interface OpenedProfile {
  readonly profile: SessionProfile
  /** Of the stored session, if it is good still: its secret, or what stands for it. */
  readonly sessionSecret: string | undefined
  /** The secret that a call sends. The keyring is asked once, by the first call that needs it. */
  secretOf(sessionSecret: string): Promise<string | undefined>
  /** Forgets the session in use, if it is the stored one. */
  onSessionEnded(): Promise<void>
}

export function openProfile(
  origin: string,
  name: string,
  { store, clock, api }: { store: SessionStore; clock: Clock; api: () => ApiClient },
): OpenedProfile {
  const stored = store.session(origin, name)
  const isGood = stored !== undefined && timeOf(stored.expiresAt) > clock.now()
  const sessionSecret = isGood ? (stored.sessionSecret ?? standIn(stored.sessionId)) : undefined
  let inUse = sessionSecret
  let kept: Promise<string | undefined> | undefined
  const profile: SessionProfile = {
    origin,
    profile: name,
    get username() {
      return store.session(origin, name)?.username
    },
    get sessionId() {
      return store.session(origin, name)?.sessionId
    },
    async save(session) {
      await store.save(origin, name, session)
      inUse = session.sessionSecret
    },
    async clear() {
      await store.clear(origin, name)
      api().sessionSecret = undefined
    },
    storage: () => store.storage(origin, name),
  }
  return {
    profile,
    sessionSecret,
    async secretOf(secret) {
      if (!stored || secret !== standIn(stored.sessionId)) return secret
      kept ??= store.secretOf(origin, name, stored)
      return kept
    },
    async onSessionEnded() {
      // That of an enrolment link is not the stored one.
      if (inUse === api().sessionSecret) await profile.clear()
    },
  }
}
