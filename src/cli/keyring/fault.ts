/**
 * Why a keyring cannot be used: the person said not to (`off`), there is no binary for this machine (`missing`), no
 * keyring in this session (`no_service`), it is `locked`, does not answer (`silent`), or answers otherwise (`failed`).
 */
export const keyringFaults = ['off', 'missing', 'no_service', 'locked', 'silent', 'failed'] as const
export type KeyringFault = (typeof keyringFaults)[number]

export class KeyringError extends Error {
  override readonly name = 'KeyringError'
  readonly fault: KeyringFault

  constructor(fault: KeyringFault) {
    super(`the keyring cannot be used: ${fault}`)
    this.fault = fault
  }
}
