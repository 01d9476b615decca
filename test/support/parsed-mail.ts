// Mails as bytes, read as far as tests need it: RFC 5322, RFC 2045, RFC 2046 and RFC 2047.

export interface ParsedMail {
  /** The value of the only header of this name, unfolded and decoded. @throws {Error} when there is none, or more. */
  header(name: string): string
  hasHeader(name: string): boolean
  readonly text: string
  readonly html: string
}

interface Entity {
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}

export function parseMail(raw: Buffer): ParsedMail {
  const top = entity(raw)
  const leaves = leavesOf(top)
  const leaf = (type: string) => {
    const found = leaves.find(({ headers }) => headerOf(headers, 'content-type')?.startsWith(type))
    return found ? decodeBody(found) : ''
  }
  return {
    header(name) {
      const values = top.headers.filter(([key]) => key === name.toLowerCase())
      const [only] = values
      if (only === undefined || values.length > 1) throw new Error(`${values.length} headers of the name ${name}`)
      return decodeWords(only[1])
    },
    hasHeader: name => headerOf(top.headers, name.toLowerCase()) !== undefined,
    text: leaf('text/plain'),
    html: leaf('text/html'),
  }
}

function entity(raw: Buffer): Entity {
  const end = raw.indexOf('\r\n\r\n')
  const head = raw.subarray(0, end === -1 ? raw.length : end).toString('utf8')
  const headers = head
    .replace(/\r\n(?=[ \t])/g, '')
    .split('\r\n')
    .map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const)
  return { headers, body: end === -1 ? Buffer.alloc(0) : raw.subarray(end + 4) }
}

const headerOf = (headers: Entity['headers'], name: string): string | undefined =>
  headers.find(([key]) => key === name)?.[1]

function leavesOf(node: Entity): Entity[] {
  const boundary = /^multipart\/.*boundary="?([^";]+)"?/i.exec(headerOf(node.headers, 'content-type') ?? '')?.[1]
  if (boundary === undefined) return [node]
  const parts = `\r\n${node.body.toString('latin1')}`.split(`\r\n--${boundary}`).slice(1, -1)
  return parts.flatMap(part => leavesOf(entity(Buffer.from(part.replace(/^\r\n/, ''), 'latin1'))))
}

function decodeBody({ headers, body }: Entity): string {
  const encoding = headerOf(headers, 'content-transfer-encoding')?.toLowerCase()
  const bytes =
    encoding === 'base64'
      ? Buffer.from(body.toString('latin1'), 'base64')
      : encoding === 'quoted-printable'
        ? quotedPrintable(body.toString('latin1').replace(/[ \t]*=\r\n/g, ''))
        : body
  return bytes.toString('utf8').replaceAll('\r\n', '\n')
}

const quotedPrintable = (text: string): Buffer =>
  Buffer.from(
    text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )

/** Neighbouring encoded words are joined as bytes: a character may be split over two. */
const decodeWords = (value: string): string =>
  value.replace(/(?:=\?utf-8\?[bq]\?[^?]*\?=\s*)+/gi, words => {
    const bytes = [...words.matchAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi)].map(([, encoding, text = '']) =>
      encoding?.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : quotedPrintable(text.replaceAll('_', ' ')),
    )
    return Buffer.concat(bytes).toString('utf8') + (/\s$/.test(words) ? ' ' : '')
  })
