import { toHex } from '../../lib/bytes.ts'
import type { Es256Key } from './es256.ts'

export interface StoredCredential {
  readonly id: Uint8Array
  readonly rpId: string
  readonly key: Es256Key
  readonly user: { readonly id: Uint8Array; readonly name?: string; readonly displayName?: string }
  /** Whether it is found without being named in an allow list. */
  readonly discoverable: boolean
}

/** The credentials of a key. They live as long as the process. */
export class CredentialStore {
  private readonly byId = new Map<string, StoredCredential>()

  get size(): number {
    return this.byId.size
  }

  /** Adds; a discoverable credential replaces that of the same user at the same site (CTAP 2.1 section 6.1.2). */
  add(credential: StoredCredential): void {
    if (credential.discoverable) {
      for (const [id, other] of this.byId) {
        const isSame = other.rpId === credential.rpId && toHex(other.user.id) === toHex(credential.user.id)
        if (other.discoverable && isSame) this.byId.delete(id)
      }
    }
    this.byId.set(toHex(credential.id), credential)
  }

  /** Those of `ids` that are here and belong to the site. */
  named(rpId: string, ids: readonly Uint8Array[]): StoredCredential[] {
    return ids.flatMap(id => {
      const credential = this.byId.get(toHex(id))
      return credential?.rpId === rpId ? [credential] : []
    })
  }

  /** The site's discoverable credentials, the newest first. */
  discoverable(rpId: string): StoredCredential[] {
    return [...this.byId.values()].filter(each => each.discoverable && each.rpId === rpId).reverse()
  }

  clear(): void {
    this.byId.clear()
  }
}
