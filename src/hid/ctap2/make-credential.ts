// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#authenticatorMakeCredential
// Section 6.1.

import { utf8 } from '../../lib/bytes.ts'
import type { CborMap } from '../../lib/cbor.ts'
import type { Channel } from '../ctaphid/channel.ts'
import { callCtap2, ctap2Command, malformed, presentEntries, requiredBytes } from './command.ts'
import {
  type CommandOptions,
  type CredentialDescriptor,
  type CtapOptions,
  descriptors,
  optionsMap,
  type PinUvAuthToken,
} from './credentials.ts'

export interface MakeCredentialParameters {
  /** SHA-256 of the client data, 32 bytes. */
  readonly clientDataHash: Uint8Array
  readonly rp: { readonly id: string; readonly name?: string | undefined }
  /** `id` is the user handle, 1 to 64 bytes. */
  readonly user: {
    readonly id: Uint8Array
    readonly name?: string | undefined
    readonly displayName?: string | undefined
  }
  /** COSE algorithm identifiers, the preferred first. */
  readonly pubKeyCredParams: readonly { readonly alg: number }[]
  readonly excludeList?: readonly CredentialDescriptor[] | undefined
  readonly extensions?: CborMap | undefined
  readonly options?: CtapOptions | undefined
  /** Proves that the user was verified. */
  readonly token?: PinUvAuthToken | undefined
  /** How a credential hides (section 12.1): 1 not at all, 2 unless it is named, 3 unless the user is verified. */
  readonly credProtect?: CredProtect | undefined
  /** 1: by the vendor's list of sites, 2: by the platform's (section 6.1). */
  readonly enterpriseAttestation?: number | undefined
}

export type CredProtect = 1 | 2 | 3

export interface MakeCredentialResult {
  /** The attestation statement format: `packed`, `none`, `fido-u2f` … */
  readonly fmt: string
  /** Authenticator data with the attested credential (WebAuthn section 6.1). */
  readonly authData: Uint8Array
  readonly attStmt: CborMap
}

/** Names longer than this, in bytes, keys may cut (WebAuthn section 6.4.1.2); some refuse them. */
const longestName = 64

/** A name, cut between two characters where it is longer than keys take. */
function shortened(name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  const bytes = utf8(name)
  let end = Math.min(bytes.length, longestName)
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, end))
}

function extensions({ extensions: given, credProtect }: MakeCredentialParameters): CborMap | undefined {
  if (credProtect === undefined) return given
  return new Map([...(given ?? []), ['credProtect', credProtect]])
}

/** The request's map. */
export function credentialRequest(parameters: MakeCredentialParameters): CborMap {
  const { clientDataHash, rp, user, token } = parameters
  return presentEntries([
    [0x01, clientDataHash],
    [
      0x02,
      presentEntries([
        ['id', rp.id],
        ['name', shortened(rp.name)],
      ]),
    ],
    [
      0x03,
      presentEntries([
        ['id', user.id],
        ['name', shortened(user.name)],
        ['displayName', shortened(user.displayName)],
      ]),
    ],
    [
      0x04,
      parameters.pubKeyCredParams.map(({ alg }) =>
        presentEntries([
          ['alg', alg],
          ['type', 'public-key'],
        ]),
      ),
    ],
    [0x05, descriptors(parameters.excludeList)],
    [0x06, extensions(parameters)],
    [0x07, optionsMap(parameters.options)],
    [0x08, token?.authenticate(clientDataHash)],
    [0x09, token?.protocol],
    [0x0a, parameters.enterpriseAttestation],
  ])
}

/**
 * Makes a credential. The key blinks and waits for a touch.
 * @throws {CtapError} `key_excluded`, `key_denied`, `key_timeout`, `key_cancelled`, `key_pin_required`, `key_full` …
 */
export async function makeCredential(
  channel: Channel,
  parameters: MakeCredentialParameters,
  options: CommandOptions = {},
): Promise<MakeCredentialResult> {
  const answer = await callCtap2(channel, ctap2Command.makeCredential, credentialRequest(parameters), options)
  const fmt = answer.get(0x01)
  const attStmt = answer.get(0x03) ?? new Map()
  if (typeof fmt !== 'string') throw malformed('a credential without an attestation format')
  if (!(attStmt instanceof Map)) throw malformed('an attestation statement that is no map')
  return { fmt, authData: requiredBytes(answer, 0x02), attStmt }
}
