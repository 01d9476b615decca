import { readFileSync, statSync } from 'node:fs'
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { printable } from '../../lib/printable.ts'
import { ConfigFile } from './file-schema.ts'
import { type MemberPath, Mistakes, type Place, unreadable } from './mistakes.ts'
import { tellSchemaMistakes } from './schema-mistakes.ts'

/** A configuration file that was read: what of it fits the schema, and the mistakes of the rest. */
export interface ConfigDocument {
  readonly file: ConfigFile
  readonly mistakes: Mistakes
}

const largestFile = 1024 * 1024
/** Each use of an alias repeats what it stands for; without a limit a few lines could fill the memory. */
const mostAliases = 100

/**
 * Reads the configuration file, YAML 1.2 (of which JSON is a part), and holds it against the schema.
 * @returns the file, without what is wrong in it, and what is wrong so far: the caller adds to it, and throws
 * @throws {ConfigError} when it can't be read, or is no YAML, so that nothing in it can be looked at
 */
export function readFile(path: string): ConfigDocument {
  const shown = printable(path)
  const unread = new Mistakes(() => ({ file: shown, line: undefined, column: undefined }))
  const text = readText(path, unread)
  const lines = new LineCounter()
  const document = parse(text, lines, shown, unread)
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file: shown, line, column: col }
  }
  const mistakes = new Mistakes(path => placeOf(offsetOf(document, path)))
  const value = toValue(document, unread)
  if (!tellSchemaMistakes(ConfigFile, value, mistakes)) mistakes.throwIfAny()
  return { file: value as ConfigFile, mistakes }
}

function readText(path: string, unread: Mistakes): string {
  try {
    // Before it is read: it could be of any size, or have no end.
    const status = statSync(path)
    if (!status.isFile()) unread.add([], 'this is no file.')
    else if (status.size > largestFile) unread.add([], 'this is larger than 1 MiB, and no configuration of hufud.')
    else return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    unread.add([], code.startsWith('ERR_ENCODING') ? 'this is not in UTF-8.' : `this file ${unreadable(code)}.`)
  }
  unread.throwIfAny()
  return ''
}

/** What the parser says, without what stands in the file: that may be a secret that does not belong there. */
const syntaxMistakes: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'an alias can’t have an anchor or a tag.',
  BAD_INDENT: 'the indentation does not fit what is around it.',
  BLOCK_AS_IMPLICIT_KEY:
    'a section begins on a line of its own, indented; and after a value the next line is not indented further. Look at this line and the next.',
  BLOCK_IN_FLOW: 'a section by indentation can’t stand inside { } or [ ].',
  DUPLICATE_KEY: 'this member stands here twice.',
  MISSING_CHAR: 'something is missing before here: a bracket, a comma, a colon or a closing quote.',
  MULTILINE_IMPLICIT_KEY: 'a name and its colon must stand on one line.',
  MULTIPLE_DOCS: 'only one document is expected; take out the line ---.',
  RESOURCE_EXHAUSTION: 'this is nested too deeply to be read.',
  TAB_AS_INDENT: 'this is indented by a tab. Use blanks.',
  TAG_RESOLVE_FAILED: 'tags (!…) have no meaning here.',
  UNEXPECTED_TOKEN: 'this does not belong here.',
}

function parse(text: string, lines: LineCounter, file: string, unread: Mistakes): Document.Parsed {
  let document: Document.Parsed
  try {
    document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      merge: false,
      uniqueKeys: true,
      prettyErrors: false,
      logLevel: 'error',
      lineCounter: lines,
    })
  } catch {
    // The parser recurses: a thousand brackets in a row are too many for it.
    unread.add([], 'this is nested too deeply to be read.')
    unread.throwIfAny()
    throw new Error('unreachable')
  }
  let told = 0
  for (const { code, pos } of [...document.errors, ...document.warnings]) {
    const { line, col } = lines.linePos(pos[0])
    // What follows on the same line mostly comes of the first.
    if (line === told) continue
    told = line
    unread.addAt({ file, line, column: col }, '', syntaxMistakes[code] ?? `this is no YAML (${code}).`)
  }
  unread.throwIfAny()
  return document
}

function toValue(document: Document.Parsed, unread: Mistakes): unknown {
  try {
    // An empty file is one in which everything is left out.
    return document.toJS({ maxAliasCount: mostAliases }) ?? {}
  } catch {
    unread.add([], `an alias (*…) leads nowhere, or aliases are used more than ${mostAliases} times.`)
    unread.throwIfAny()
    return {}
  }
}

/** Where a member's value begins, or its name where it has no value; for one that is not there, what it belongs into. */
function offsetOf(document: Document.Parsed, path: MemberPath): number {
  let at: Node | null = document.contents
  let offset = at?.range?.[0] ?? 0
  for (const part of path) {
    if (isSeq(at)) {
      at = (at.items[Number(part)] as Node | undefined) ?? null
      offset = at?.range?.[0] ?? offset
    } else if (isMap(at)) {
      const pair = at.items.find(({ key }) => isScalar(key) && String(key.value) === String(part))
      if (!pair) return offset
      offset = (pair.key as Node).range?.[0] ?? offset
      at = (pair.value as Node | null) ?? null
    } else return offset
  }
  return offset
}
