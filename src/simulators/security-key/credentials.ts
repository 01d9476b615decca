import { toHex } from '../../lib/bytes.ts'
import type { KeyPair } from './algorithms.ts'

/** Section 12.1: what it takes to use a credential. */
export const credProtect = { optional: 1, optionalWithList: 2, required: 3 } as const

export interface StoredCredential {
  readonly id: Uint8Array
  /** SHA-256 of the RP ID; for a U2F registration, its application parameter. */
  readonly rpIdHash: Uint8Array
  readonly key: KeyPair
  /** Undefined for a U2F registration. */
  readonly user: { readonly id: Uint8Array; readonly name?: string; readonly displayName?: string } | undefined
  /** Whether it is found without being named in an allow list. */
  readonly discoverable: boolean
  readonly protection: number
}

/** The credentials of a key. They live as long as the process. */
export class CredentialStore {
  private readonly byId = new Map<string, StoredCredential>()

  get size(): number {
    return this.byId.size
  }

  /** Adds; a discoverable credential replaces that of the same user at the same site (CTAP 2.1 section 6.1.2). */
  add(credential: StoredCredential): void {
    const old = credential.discoverable ? this.sameUser(credential) : undefined
    if (old) this.byId.delete(toHex(old.id))
    this.byId.set(toHex(credential.id), credential)
  }

  /** The discoverable credential that `credential` would replace. */
  sameUser({ rpIdHash, user }: Pick<StoredCredential, 'rpIdHash' | 'user'>): StoredCredential | undefined {
    const id = user && toHex(user.id)
    return this.discoverable(rpIdHash).find(other => other.user && toHex(other.user.id) === id)
  }

  /** Those of `ids` that are here and belong to the site. */
  named(rpIdHash: Uint8Array, ids: readonly Uint8Array[]): StoredCredential[] {
    return ids.flatMap(id => {
      const credential = this.byId.get(toHex(id))
      return credential && toHex(credential.rpIdHash) === toHex(rpIdHash) ? [credential] : []
    })
  }

  /** The site's discoverable credentials, the newest first. */
  discoverable(rpIdHash: Uint8Array): StoredCredential[] {
    const site = toHex(rpIdHash)
    return [...this.byId.values()].filter(each => each.discoverable && toHex(each.rpIdHash) === site).reverse()
  }

  clear(): void {
    this.byId.clear()
  }
}
