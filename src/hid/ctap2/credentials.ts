// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// What makeCredential (section 6.1) and getAssertion (section 6.2) have in common.

import type { CborMap, CborValue } from '../../lib/cbor.ts'
import type { CallOptions } from '../ctaphid/channel.ts'
import { presentEntries } from './command.ts'

/** A credential by its id. `type` is always `public-key`. */
export interface CredentialDescriptor {
  readonly id: Uint8Array
  readonly transports?: readonly string[] | undefined
}

/** Options, each sent only if given: an option that a key does not know makes it refuse. */
export interface CtapOptions {
  readonly rk?: boolean | undefined
  readonly uv?: boolean | undefined
  readonly up?: boolean | undefined
}

/** A PIN/UV auth token: proof, for as long as the key wants, that the user was verified. Never printed or stored. */
export interface PinUvAuthToken {
  readonly protocol: 1 | 2
  /** The pinUvAuthParam for `message` (for ceremonies: the client data hash): 16 bytes in protocol 1, 32 in 2. */
  authenticate(message: Uint8Array): Uint8Array
}

export interface CommandOptions extends CallOptions {
  /** The key's `maxMsgSize`, in bytes. */
  readonly maxMessageSize?: number
}

/** A list of descriptors, or undefined where it is empty: CTAP has no empty lists. Transports stay here. */
export function descriptors(list: readonly CredentialDescriptor[] | undefined): CborValue | undefined {
  if (!list || list.length === 0) return undefined
  return list.map(
    ({ id }): CborMap =>
      new Map<string, CborValue>([
        ['id', id],
        ['type', 'public-key'],
      ]),
  )
}

export function optionsMap({ rk, uv, up }: CtapOptions = {}): CborMap | undefined {
  const map = presentEntries([
    ['rk', rk],
    ['uv', uv],
    ['up', up],
  ])
  return map.size === 0 ? undefined : map
}
