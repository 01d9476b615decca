import { generateKeyPairSync } from 'node:crypto'
import { isIP } from 'node:net'
import { basicConstraints, der, makeCertificate, name, sequence, utf8String } from './der.ts'

/** PEM. */
export interface TlsCertificate {
  readonly cert: string
  readonly key: string
}

/** A certificate of a server with these names and IPv4 addresses, signed by itself, so that it is its own `ca`. */
export function makeTlsCertificate(
  names: readonly string[] = ['localhost', '127.0.0.1'],
  validity?: readonly [string, string],
): TlsCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subject = name([['2.5.4.3', utf8String(names[0] ?? '')]])
  // RFC 5280 section 4.2.1.6: [2] dNSName, [7] iPAddress.
  const alternatives = names.map(each =>
    isIP(each) === 4 ? der(0x87, Buffer.from(each.split('.').map(Number))) : der(0x82, Buffer.from(each)),
  )
  const certificate = makeCertificate({
    version: 3,
    subject,
    issuer: subject,
    publicKey,
    issuerKey: privateKey,
    ...(validity ? { validity } : {}),
    extensions: [basicConstraints(false), { id: '2.5.29.17', value: sequence(...alternatives) }],
  })
  const lines = certificate.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}
