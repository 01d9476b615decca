import type { X509Certificate } from 'node:crypto'
import type { AttestationCertificate } from './certificate.ts'
import { contentOf, readWhole, universal } from './der.ts'

const keyUsageId = '2.5.29.15'
/** Bit 5 of KeyUsage, RFC 5280 section 4.2.1.3. */
const keyCertSign = 0x04

/**
 * Whether a chain, the attestation certificate first, leads to one of `roots`: each certificate is signed by the next,
 * an authority that may have so many below it, and the last by a root; or one of them is itself among the roots
 * (WebAuthn Level 3 section 7.1 step 24; RFC 5280 section 6.1 without periods of validity, see
 * docs/adr/0005-attestation.md). Signatures are checked from the root down: of a chain that leads nowhere none but the
 * topmost is verified, however long it is.
 */
export function leadsToRoot(chain: readonly AttestationCertificate[], roots: readonly X509Certificate[]): boolean {
  const trusted = chain.findIndex(({ x509 }) => roots.some(root => root.raw.equals(x509.raw)))
  const path = trusted < 0 ? chain : chain.slice(0, trusted + 1)
  const top = path.at(-1)
  const isAnchored = trusted >= 0 || roots.some(root => top && root.ca && isIssuedBy(top.x509, root))
  if (!isAnchored) return false
  for (let below = path.length - 2; below >= 0; below--) {
    const certificate = path[below]
    const issuer = path[below + 1]
    if (!certificate || !issuer || !maySign(issuer, below)) return false
    if (!isIssuedBy(certificate.x509, issuer.x509)) return false
  }
  return true
}

/** Whether `issuer` may sign a certificate that has `below` authorities between it and the end of the chain. */
function maySign({ basicConstraints, extensions }: AttestationCertificate, below: number): boolean {
  const { ca = false, pathLength = below } = basicConstraints ?? {}
  const usage = extensions.get(keyUsageId)
  const [, bits = 0] = usage ? contentOf(readWhole(usage.value), universal.bitString) : [0, keyCertSign]
  return ca && pathLength >= below && (bits & keyCertSign) !== 0
}

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
