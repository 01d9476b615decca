import type { CborMap } from '../../lib/cbor.ts'
import { asMap, asText, asUnsigned, optional, optionalBytes, parameters, required } from './parameters.ts'

/** Section 6.5.5: the parameters of authenticatorClientPIN. */
export interface ClientPinRequest {
  readonly pinUvAuthProtocol: number | undefined
  readonly subCommand: number
  readonly keyAgreement: CborMap | undefined
  readonly pinUvAuthParam: Uint8Array | undefined
  readonly newPinEnc: Uint8Array | undefined
  readonly pinHashEnc: Uint8Array | undefined
  readonly permissions: number | undefined
  readonly rpId: string | undefined
}

/** @throws {StatusError} */
export function readClientPin(body: Uint8Array): ClientPinRequest {
  const map = parameters(body)
  return {
    pinUvAuthProtocol: optional(map.get(1), asUnsigned),
    subCommand: asUnsigned(required(map.get(2))),
    keyAgreement: optional(map.get(3), asMap),
    pinUvAuthParam: optionalBytes(map.get(4)),
    newPinEnc: optionalBytes(map.get(5)),
    pinHashEnc: optionalBytes(map.get(6)),
    permissions: optional(map.get(9), asUnsigned),
    rpId: optional(map.get(10), asText),
  }
}
