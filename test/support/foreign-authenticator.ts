import { Encoder } from 'cbor-x'
import {
  AuthenticationEmulatorError,
  AuthenticatorEmulator,
  PasskeysCredentialsMemoryRepository,
} from 'nid-webauthn-emulator'
import type { Ctap2Responder } from '../../src/simulators/security-key/index.ts'

const cbor = new Encoder({ mapsAsObjects: false, useRecords: false, tagUint8Array: false, variableMapSize: true })

/** The emulator writes members that it lacks as `undefined`, which CTAP2 has no place for: they are left out here. */
function withoutUndefined(value: unknown): unknown {
  if (!(value instanceof Map)) return value
  const present = [...value].filter(([, member]) => member !== undefined)
  return new Map(present.map(([key, member]) => [key, withoutUndefined(member)]))
}

/** An authenticator that this project did not write, as what stands behind our device's wire. */
export function foreignAuthenticator(): Ctap2Responder {
  const emulator = new AuthenticatorEmulator({
    credentialsRepository: new PasskeysCredentialsMemoryRepository(),
    algorithmIdentifiers: ['ES256'],
  })
  return {
    async answer(request, askForTouch) {
      const [command = 0] = request
      if (command !== 0x04) await askForTouch()
      try {
        const data = new Uint8Array(request.subarray(1))
        const response = emulator.command({ command, ...(data.length > 0 ? { data } : {}) })
        const body = response.data ? cbor.encode(withoutUndefined(cbor.decode(response.data))) : []
        return Uint8Array.from([response.status, ...body])
      } catch (error) {
        if (error instanceof AuthenticationEmulatorError) return Uint8Array.of(error.status)
        throw error
      }
    },
  }
}
