// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#authenticatorGetInfo
// Section 6.4: what a key says that it can decides what it is asked for. A key refuses options that it does not know.

import { CtapError } from '../errors.ts'
import type { CtapOptions, PinUvAuthToken } from './credentials.ts'
import type { GetAssertionParameters } from './get-assertion.ts'
import type { AuthenticatorInfo } from './get-info.ts'
import type { MakeCredentialParameters } from './make-credential.ts'
import { isKnownProtocol, type PinUvAuthProtocol } from './pin-uv-auth/shared-secret.ts'

type Capabilities = Pick<AuthenticatorInfo, 'versions' | 'options' | 'extensions' | 'pinUvAuthProtocols'>

/** Versions whose keys have authenticatorSelection. FIDO_2_1_PRE is a draft, which has not. */
const versionsWithSelection: readonly string[] = ['FIDO_2_1', 'FIDO_2_2', 'FIDO_2_3']

export const hasSelection = ({ versions }: Capabilities): boolean =>
  versions.some(version => versionsWithSelection.includes(version))

/** The first of the key's protocols that is known here: keys put the preferred first. A key without a list has 1. */
export function preferredProtocol({ pinUvAuthProtocols, options }: Capabilities): PinUvAuthProtocol | undefined {
  if (pinUvAuthProtocols.length === 0) return options.has('clientPin') ? 1 : undefined
  return pinUvAuthProtocols.find(isKnownProtocol)
}

/** Options without those that say what holds anyway; `uv` gives way to a token (section 6.1.2 step 5). */
function sparingly({ rk, uv, up }: CtapOptions, token: PinUvAuthToken | undefined): CtapOptions {
  return {
    rk: rk === true ? true : undefined,
    uv: uv === true && !token ? true : undefined,
    up: up === false ? false : undefined,
  }
}

function verifyOptions({ rk, uv }: CtapOptions, { options }: Capabilities): void {
  for (const [name, wanted] of [['rk', rk] as const, ['uv', uv] as const]) {
    if (wanted && options.get(name) !== true) {
      throw new CtapError('key_unsupported_option', `the security key does not have the option ${name}`)
    }
  }
}

/** What of these parameters a key with such capabilities is sent. @throws {CtapError} `key_unsupported_option` */
export function credentialParametersFor(
  info: Capabilities,
  parameters: MakeCredentialParameters,
): MakeCredentialParameters {
  const { credProtect, enterpriseAttestation, token } = parameters
  const options = sparingly(parameters.options ?? {}, token)
  verifyOptions(options, info)
  return {
    ...parameters,
    options,
    credProtect: info.extensions.includes('credProtect') ? credProtect : undefined,
    enterpriseAttestation: info.options.get('ep') === true ? enterpriseAttestation : undefined,
  }
}

/** What of these parameters a key with such capabilities is sent. @throws {CtapError} `key_unsupported_option` */
export function assertionParametersFor(info: Capabilities, parameters: GetAssertionParameters): GetAssertionParameters {
  const options = sparingly(parameters.options ?? {}, parameters.token)
  verifyOptions(options, info)
  return { ...parameters, options }
}
