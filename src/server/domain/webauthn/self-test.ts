import { X509Certificate } from 'node:crypto'
import { fromBase64url } from '../../../lib/base64url.ts'
import { parseAttestationObject } from './attestation-object.ts'
import { supportedAlgorithms } from './cose-key.ts'
import { verifyRegistration } from './registration.ts'

// A registration with packed attestation: WebAuthn Level 3, test vectors, packed attestation with ES256.
const challenge = 'wRhKX934BF4T3Ef1S2H1pla2ZrWQGPFthw6SVumVIBI'
const credentialId = 'yab1s0YtAoc_6gxWhiI0-Z8IFygITlEbt3YCAaiQVKU'
const clientDataJSON =
  'eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoid1JoS1g5MzRCRjRUM0VmMVMySDFwbGEyWnJXUUdQRnRodzZT' +
  'VnVtVklCSSIsIm9yaWdpbiI6Imh0dHBzOi8vZXhhbXBsZS5vcmciLCJjcm9zc09yaWdpbiI6ZmFsc2UsImV4dHJhRGF0YSI6ImNs' +
  'aWVudERhdGFKU09OIG1heSBiZSBleHRlbmRlZCB3aXRoIGFkZGl0aW9uYWwgZmllbGRzIGluIHRoZSBmdXR1cmUsIHN1Y2ggYXMg' +
  'dGhpczogOWE4Yk5ZaktDZ1dyQlhVLWZDbDFhZyJ9'
const attestationObject =
  'o2NmbXRmcGFja2VkZ2F0dFN0bXSjY2FsZyZjc2lnWEcwRQIgPxnsSyKfRquMRe_ym5BP8QwDkNxAvxIW8Ep49M66NCUCIQD-cEGj' +
  'J1mv8FoPnybHCpmceihEUbqJI0odNIPCXiGSW2N4NWOBWQIlMIICITCCAcigAwIBAgIRAIjCIPg8jvH-r-lN6uRfqtAwCgYIKoZI' +
  'zj0EAwIwYjEeMBwGA1UEAwwVV2ViQXV0aG4gdGVzdCB2ZWN0b3JzMQwwCgYDVQQKDANXM0MxJTAjBgNVBAsMHEF1dGhlbnRpY2F0' +
  'b3IgQXR0ZXN0YXRpb24gQ0ExCzAJBgNVBAYTAkFBMCAXDTI0MDEwMTAwMDAwMFoYDzMwMjQwMTAxMDAwMDAwWjBfMR4wHAYDVQQD' +
  'DBVXZWJBdXRobiB0ZXN0IHZlY3RvcnMxDDAKBgNVBAoMA1czQzEiMCAGA1UECwwZQXV0aGVudGljYXRvciBBdHRlc3RhdGlvbjEL' +
  'MAkGA1UEBhMCQUEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASpG6Q4lAndOKQoFBlAyo_rGsDXtDUFWBBKN3ekkyLzeYRA83iz' +
  'OYqy07t7-RMiyS6yNVb1mtCoNv7Ex2Y7Dk3Do2AwXjAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB_wQEAwIHgDAdBgNVHQ4EFgQUpYm6' +
  'ctBghCqxH3T7JGve2rFvm5swHwYDVR0jBBgwFoAURa_3FbDdeGdB_umW68FlR6OTGx4wCgYIKoZIzj0EAwIDRwAwRAIgFya52F7N' +
  'il7VEWNyLKOiCIb9myQqCqBFPUQhFgdd79UCIH70ceUwrIeWGoin8NDBewkf_GuSONMPefY1tBe-WRDnaGF1dGhEYXRhWKS_q8N0' +
  'MpWLBjNg061kYcnEc1rn-O3UZZKl4PAUUrLktU0AAAAAh2yk9SBxw-myVQnvLN9-1gAgyab1s0YtAoc_6gxWhiI0-Z8IFygITlEb' +
  't3YCAaiQVKWlAQIDJiABIVggHPJ_JdpZEgikI5wuMk8QT1hVJUeaKe3u3YMPSOd66uUiWCBZ5LfabAEG4gbOOQyTq5ihWl7DiH5X' +
  '8Mwr7OgDuSDEIw'

/** Rounds after which a statement takes no longer than later ones: V8 has compiled by then what it runs. */
const rounds = 100

/** The certificate of the statement: whoever trusts it by itself trusts the statement. */
function ownCertificate(): X509Certificate {
  const chain = parseAttestationObject(fromBase64url(attestationObject)).statement.get('x5c')
  const [first] = Array.isArray(chain) ? chain : []
  return new X509Certificate(first)
}

/**
 * Verifies a known statement, by ours and by the second opinion, before a server that trusts makers listens. It shows
 * that both work on this machine. And its first statement makes fido2-lib read roots of its own, and the next ones run
 * uncompiled, which would hold up other people's requests.
 * @throws {WebAuthnError} when it is refused
 */
export async function testAttestation(): Promise<void> {
  const credential = {
    id: credentialId,
    rawId: credentialId,
    type: 'public-key' as const,
    clientExtensionResults: {},
    response: { clientDataJSON, attestationObject },
  }
  const expected = {
    challenge: fromBase64url(challenge),
    rpId: 'example.org',
    origins: ['https://example.org'],
    userVerification: 'discouraged' as const,
    algorithms: supportedAlgorithms,
    trustedRoots: [ownCertificate()],
  }
  for (let round = 0; round < rounds; round++) await verifyRegistration(credential, expected)
}
