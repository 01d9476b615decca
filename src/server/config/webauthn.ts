import { X509Certificate } from 'node:crypto'
import { defaultPolicy, type WebAuthnPolicy } from '../domain/domain.ts'
import type { MemberPath } from './mistakes.ts'
import { originMistake } from './origin.ts'
import { readNamedFile, type SectionReader } from './section.ts'
import type { WebAuthnSection } from './webauthn-schema.ts'

/** The section `webauthn`: what the policy asks of security keys, and the origins beside the server's own. */
export function readWebAuthn(
  section: WebAuthnSection,
  reader: SectionReader,
): { policy: WebAuthnPolicy; origins: readonly string[] } {
  const { attestation = 'none', user_verification, origins = [], top_origins = [] } = section
  const { mistakes } = reader
  const trustedRoots = readRoots(section, reader)
  if (trustedRoots && attestation === 'none') {
    mistakes.add(
      ['webauthn', 'attestation_roots'],
      'as long as webauthn.attestation is none, keys do not say who made them, and none could be bound. Set ' +
        'webauthn.attestation to direct.',
    )
  }
  const checkOrigin = (path: MemberPath, origin: string) => {
    const wrong = originMistake(origin)
    if (wrong) mistakes.add(path, wrong)
  }
  for (const [index, origin] of origins.entries()) {
    if (!androidOrigin.test(origin)) checkOrigin(['webauthn', 'origins', index], origin)
  }
  for (const [index, origin] of top_origins.entries()) checkOrigin(['webauthn', 'top_origins', index], origin)
  return {
    origins,
    policy: {
      attestation,
      trustedRoots,
      userVerification: user_verification ?? defaultPolicy.webauthn.userVerification,
      topOrigins: top_origins,
      ...readModels(section, reader),
    },
  }
}

/** The origin of an Android app: the hash of the certificate that signed it. */
const androidOrigin = /^android:apk-key-hash:[A-Za-z0-9_-]{43}$/

function readModels(
  section: WebAuthnSection,
  { mistakes }: SectionReader,
): Pick<WebAuthnPolicy, 'allowedAaguids' | 'deniedAaguids'> {
  const allowedAaguids = section.allowed_aaguids?.map(aaguid => aaguid.toLowerCase())
  const deniedAaguids = (section.denied_aaguids ?? []).map(aaguid => aaguid.toLowerCase())
  if (allowedAaguids && !section.attestation_roots) {
    mistakes.add(
      ['webauthn', 'allowed_aaguids'],
      'a key can claim to be of any model. Set webauthn.attestation_roots, too, to check it.',
    )
  }
  for (const [index, aaguid] of deniedAaguids.entries()) {
    if (!allowedAaguids?.includes(aaguid)) continue
    mistakes.add(['webauthn', 'denied_aaguids', index], `${aaguid} is in webauthn.allowed_aaguids, too.`)
  }
  return { allowedAaguids, deniedAaguids }
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g
const pemBegin = /-----BEGIN /g

function readRoots(
  { attestation_roots: roots }: WebAuthnSection,
  reader: SectionReader,
): X509Certificate[] | undefined {
  if (roots === undefined) return undefined
  const path = ['webauthn', 'attestation_roots']
  if (typeof roots === 'string') return readCertificates(path, roots, reader)
  return roots.flatMap((name, index) => readCertificates([...path, index], name, reader))
}

function readCertificates(path: MemberPath, name: string, reader: SectionReader): X509Certificate[] {
  const text = readNamedFile(path, name, reader)
  if (text === undefined) return []
  const { mistakes } = reader
  const found = text.match(pemCertificate) ?? []
  if (found.length === 0) {
    mistakes.add(path, 'this file holds no certificate in PEM (-----BEGIN CERTIFICATE-----).')
  } else if (found.length !== text.match(pemBegin)?.length) {
    mistakes.add(path, 'this file holds something beside whole certificates in PEM, or one that is cut short.')
  }
  return found.flatMap((pem, index) => {
    try {
      return new X509Certificate(pem)
    } catch {
      mistakes.add(path, `certificate ${index + 1} of this file can’t be read.`)
      return []
    }
  })
}
