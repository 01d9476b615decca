import {
  AuthenticationEmulatorError,
  AuthenticatorEmulator,
  PasskeysCredentialsMemoryRepository,
} from 'nid-webauthn-emulator'
import type { Ctap2Responder } from '../../src/simulators/security-key/index.ts'

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
        return Uint8Array.from([response.status, ...(response.data ?? [])])
      } catch (error) {
        if (error instanceof AuthenticationEmulatorError) return Uint8Array.of(error.status)
        throw error
      }
    },
  }
}
