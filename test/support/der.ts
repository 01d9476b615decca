// DER (X.690), as much of it as certificates need, and X.509 certificates (RFC 5280) made with it.

import { type KeyObject, randomBytes, sign } from 'node:crypto'

export function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content])
  const length = content.length < 0x100 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

export const sequence = (...items: Uint8Array[]) => der(0x30, ...items)
export const set = (...items: Uint8Array[]) => der(0x31, ...items)
export const octets = (...items: Uint8Array[]) => der(0x04, ...items)
export const bits = (bytes: Uint8Array) => der(0x03, Buffer.from([0]), bytes)
export const utf8String = (value: string) => der(0x0c, Buffer.from(value))
export const printableString = (value: string) => der(0x13, Buffer.from(value))
export const truth = () => der(0x01, Buffer.from([0xff]))
export const integer = (value: number) => der(0x02, Buffer.from([value]))
export const utcTime = (value: string) => der(0x17, Buffer.from(value))
/** [number], constructed. */
export const tagged = (number: number, ...items: Uint8Array[]) => der(0xa0 | number, ...items)

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second].concat(rest).flatMap(arc => {
    const groups = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return der(0x06, Buffer.from(bytes))
}

/** A name of `[attribute type, value]` pairs. */
export const name = (attributes: readonly (readonly [string, Uint8Array])[]) =>
  sequence(...attributes.map(([type, value]) => set(sequence(oid(type), value))))

export interface Extension {
  id: string
  critical?: boolean
  value: Uint8Array
}

export const basicConstraints = (ca: boolean, pathLength?: number): Extension => ({
  id: '2.5.29.19',
  critical: true,
  value: ca ? sequence(truth(), ...(pathLength === undefined ? [] : [integer(pathLength)])) : sequence(),
})

/** RFC 5280 section 4.2.1.3; `first` is the first byte of the bits: 0x80 for digitalSignature, 0x04 for keyCertSign. */
export const keyUsage = (first: number): Extension => ({
  id: '2.5.29.15',
  critical: true,
  value: der(0x03, Buffer.from([0, first])),
})

export interface CertificateParts {
  /** X.509 version. */
  version: 1 | 3
  subject: Uint8Array
  issuer: Uint8Array
  publicKey: KeyObject
  issuerKey: KeyObject
  extensions: readonly Extension[]
  /** From when to when it says that it is valid: two of `YYMMDDhhmmssZ`. */
  validity?: readonly [string, string]
}

/** How a key of this kind signs certificates, always over SHA-256 where it has a choice. */
const signatureAlgorithms: Readonly<Record<string, Buffer>> = {
  ec: sequence(oid('1.2.840.10045.4.3.2')),
  rsa: sequence(oid('1.2.840.113549.1.1.11'), der(0x05)),
  ed25519: sequence(oid('1.3.101.112')),
}

export function makeCertificate(parts: CertificateParts): Buffer {
  const keyType = parts.issuerKey.asymmetricKeyType ?? ''
  const algorithm = signatureAlgorithms[keyType] ?? sequence()
  const extensions = parts.extensions.map(({ id, critical, value }) =>
    sequence(oid(id), ...(critical ? [truth()] : []), octets(value)),
  )
  const serial = randomBytes(8)
  serial[0] = 0x41
  const body = sequence(
    ...(parts.version === 3 ? [tagged(0, integer(2))] : []),
    der(0x02, serial),
    algorithm,
    parts.issuer,
    sequence(...(parts.validity ?? ['240101000000Z', '490101000000Z']).map(utcTime)),
    parts.subject,
    parts.publicKey.export({ type: 'spki', format: 'der' }),
    ...(parts.version === 3 ? [tagged(3, sequence(...extensions))] : []),
  )
  return sequence(body, algorithm, bits(sign(keyType === 'ed25519' ? null : 'sha256', body, parts.issuerKey)))
}
