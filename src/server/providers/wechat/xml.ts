import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { WeChatPushRefused } from '../../domain/ports/wechat-error.ts'

const parser = new XMLParser({
  processEntities: false,
  parseTagValue: false,
  ignoreAttributes: true,
  trimValues: true,
  maxNestedTags: 16,
})

/** The children of WeChat's `<xml>` element. */
export interface WeChatXml {
  /**
   * The text of the only child called `name`.
   * @throws {WeChatPushRefused} `format` when there is none, more than one, or one with elements of its own
   */
  text(name: string): string
}

/**
 * Reads an `<xml>` document of WeChat's. Entities stay as they are written.
 * @throws {WeChatPushRefused} `format` when it is not well-formed, declares a document type or has another root
 */
export function parseWeChatXml(source: string): WeChatXml {
  if (declaresDocumentType(source)) throw new WeChatPushRefused('format')
  const root = parse(source)
  return {
    text: name => {
      const value = Object.hasOwn(root, name) ? root[name] : undefined
      if (typeof value !== 'string') throw new WeChatPushRefused('format')
      return value
    },
  }
}

function parse(source: string): Record<string, unknown> {
  let document: unknown
  try {
    if (XMLValidator.validate(source) !== true) throw new WeChatPushRefused('format')
    document = parser.parse(source)
  } catch {
    throw new WeChatPushRefused('format')
  }
  if (!isRecord(document) || !isRecord(document.xml)) throw new WeChatPushRefused('format')
  return document.xml
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether `<!` opens anything but a CDATA section or a comment; what people write is inside CDATA. */
function declaresDocumentType(source: string): boolean {
  for (let at = source.indexOf('<!'); at !== -1; at = source.indexOf('<!', at)) {
    const terminator = source.startsWith('<![CDATA[', at) ? ']]>' : source.startsWith('<!--', at) ? '-->' : undefined
    if (terminator === undefined) return true
    const end = source.indexOf(terminator, at)
    if (end === -1) return true
    at = end + terminator.length
  }
  return false
}

/** `text` as a CDATA section, in which nothing of it is markup. Characters that XML 1.0 forbids are left out. */
export const cdata = (text: string): string =>
  `<![CDATA[${text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '').replaceAll(']]>', ']]]]><![CDATA[>')}]]>`
