import { type WebAuthnProblemCode, webauthnProblems } from '../../../contract/webauthn-problems.ts'

/** A registration or an assertion is refused; `code` says why. */
export class WebAuthnError extends Error {
  readonly code: WebAuthnProblemCode

  constructor(code: WebAuthnProblemCode, options?: ErrorOptions) {
    super(webauthnProblems[code].title, options)
    this.name = 'WebAuthnError'
    this.code = code
  }
}

/** @throws {WebAuthnError} with `code`, unless `condition` holds. */
export function demand(condition: boolean, code: WebAuthnProblemCode): asserts condition {
  if (!condition) throw new WebAuthnError(code)
}
