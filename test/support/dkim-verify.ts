// DKIM (RFC 6376) from the verifier's side, as far as rsa-sha256 and ed25519-sha256 (RFC 8463) with relaxed/relaxed go.

import { createHash, type KeyObject, verify } from 'node:crypto'

/** @throws {Error} what is wrong with the mail's only signature */
export function verifyDkim(raw: Buffer, publicKey: KeyObject): { domain: string; selector: string; signed: string[] } {
  const text = raw.toString('latin1').replace(/\r?\n/g, '\r\n')
  const end = text.indexOf('\r\n\r\n')
  const fields = text.slice(0, end).split(/\r\n(?![ \t])/)
  const body = text.slice(end + 4)
  const signatures = fields.filter(field => /^dkim-signature:/i.test(field))
  const [field] = signatures
  if (field === undefined || signatures.length > 1) throw new Error(`${signatures.length} signatures`)
  const tags = Object.fromEntries(
    field
      .slice(field.indexOf(':') + 1)
      .split(';')
      .map(tag => tag.replace(/\s+/g, ''))
      .filter(tag => tag !== '')
      .map(tag => [tag.slice(0, tag.indexOf('=')), tag.slice(tag.indexOf('=') + 1)]),
  )
  if (tags.c !== 'relaxed/relaxed') throw new Error(`canonicalisation ${tags.c}`)
  if (tags.a !== `${publicKey.asymmetricKeyType}-sha256`) throw new Error(`algorithm ${tags.a}`)
  const bodyHash = createHash('sha256').update(relaxedBody(body), 'latin1').digest('base64')
  if (bodyHash !== tags.bh) throw new Error('the body was changed')
  const signed = (tags.h ?? '').toLowerCase().split(':')
  // Section 5.4.2: of several fields of a name the last one is taken first; section 3.7: the signature comes last.
  const left = [...fields]
  const lines = signed.flatMap(name => {
    const at = left.findLastIndex(each => each.toLowerCase().startsWith(`${name}:`))
    return at === -1 ? [] : left.splice(at, 1).map(each => `${relaxedField(each)}\r\n`)
  })
  const data = Buffer.from(lines.join('') + relaxedField(field.replace(/([;\s]b=)[^;]*/, '$1')), 'latin1')
  const signature = Buffer.from(tags.b ?? '', 'base64')
  const isGood =
    publicKey.asymmetricKeyType === 'ed25519'
      ? verify(null, createHash('sha256').update(data).digest(), publicKey, signature)
      : verify('sha256', data, publicKey, signature)
  if (!isGood) throw new Error('the signature is wrong')
  return { domain: tags.d ?? '', selector: tags.s ?? '', signed }
}

/** Section 3.4.2. */
function relaxedField(field: string): string {
  const colon = field.indexOf(':')
  const value = field
    .slice(colon + 1)
    .replace(/\r\n/g, '')
    .replace(/[ \t]+/g, ' ')
    .trim()
  return `${field.slice(0, colon).trim().toLowerCase()}:${value}`
}

/** Section 3.4.4. */
function relaxedBody(body: string): string {
  const lines = body.split('\r\n').map(line => line.replace(/[ \t]+/g, ' ').replace(/ $/, ''))
  const trimmed = lines.join('\r\n').replace(/(?:\r\n)*$/, '')
  return trimmed === '' ? '' : `${trimmed}\r\n`
}
