import { isoTime } from '../../../lib/clock.ts'
import type { Domain } from '../domain.ts'
import { newId } from '../secret-keys.ts'

/** Where the QR code of a binding by web authorisation leads; `:scene` is what it carries. */
export const invitationPath = '/w/'

/**
 * A QR code that says a short address of ours. Its scene has 128 random bits: 22 characters, so that with an origin of
 * 28 the code is drawn in 29 × 29 modules, as WeChat's own codes are.
 */
export function invitationQr({ clock, random, policy }: Pick<Domain, 'clock' | 'random' | 'policy'>): {
  scene: string
  qrExpiresAt: number
  qr: { payload: string; expires_at: string }
} {
  const scene = newId(random)
  const qrExpiresAt = clock.now() + policy.qrLifetime
  const payload = `${policy.origins[0] ?? ''}${invitationPath}${scene}`
  return { scene, qrExpiresAt, qr: { payload, expires_at: isoTime(qrExpiresAt) } }
}
