// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#authnrClientPin-puaToken
// Section 6.5.2.1.

import type { TokenPermission } from '../../authenticator.ts'
import { malformed } from '../command.ts'
import type { PinUvAuthToken } from '../credentials.ts'
import { authenticate, type PinUvAuthProtocol } from './shared-secret.ts'

const permissionBits: Readonly<Record<TokenPermission, number>> = { mc: 0x01, ga: 0x02 }

/** The bits of section 6.5.5.7. */
export const permissionMask = (permissions: readonly TokenPermission[]): number =>
  permissions.reduce((mask, permission) => mask | permissionBits[permission], 0)

/**
 * A token by its bytes, which stay within.
 * @throws {CtapError} `key_protocol` unless there are 32 of them; in protocol 1 old keys give 16.
 */
export function pinUvAuthToken(protocol: PinUvAuthProtocol, bytes: Uint8Array): PinUvAuthToken {
  if (bytes.length !== 32 && !(protocol === 1 && bytes.length === 16)) {
    throw malformed(`a token of ${bytes.length} bytes`)
  }
  return { protocol, authenticate: message => authenticate(protocol, bytes, message) }
}
