// string-width knows emoji and combining marks, but takes 20 ms to load: a fifth of what a whole command may take. Most
// text has neither, and its width is plain: it is loaded when a text needs it.
const plain =
  /^[\u0020-\u007e\u00a0-\u02ff\u2010-\u2027\u2030-\u205e\u2190-\u21ff\u2500-\u25ff\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]*$/
const wide = /[\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/g

let measure: ((text: string) => number) | undefined

/** Loads what it takes to measure `texts`. */
export async function prepareWidths(texts: readonly string[]): Promise<void> {
  if (!measure && texts.some(text => !plain.test(text))) measure = (await import('string-width')).default
}

// SGR, the only escape sequences that hufu itself writes into a text.
const colour = /\u001b\[[0-9;]*m/g

/** Columns that `text` takes on the screen: two for a Chinese character, none for a colour code. */
export function widthOf(text: string): number {
  const bare = text.includes('\u001b') ? text.replace(colour, '') : text
  return plain.test(bare) || !measure ? bare.length + (bare.match(wide)?.length ?? 0) : measure(bare)
}

/** `text` with blanks after it, to `width` columns. */
export const padTo = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))

/** `text`, shortened with `…` where it is wider than `width` columns. */
export function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let columns = 1
  for (const character of text) {
    columns += widthOf(character)
    if (columns > width) break
    kept += character
  }
  return `${kept}…`
}

// A line may be broken at a blank, and between two characters one of which is Chinese; closing marks stay where they are.
const pieces = /[^\s\u2e80-\uffef]+\s*|[\u2e80-\uffef][，。：；、！？）”]*\s*|\s+/gu

/** `text` in lines of at most `width` columns; a word that is longer is cut. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const piece of text.match(pieces) ?? []) {
    if (widthOf((line + piece).trimEnd()) <= width) {
      line += piece
      continue
    }
    if (line.trim()) lines.push(line.trimEnd())
    line = piece
    while (widthOf(line.trimEnd()) > width && !line.includes('\u001b')) {
      lines.push(line.slice(0, width))
      line = line.slice(width)
    }
  }
  if (line.trim()) lines.push(line.trimEnd())
  return lines.length > 0 ? lines : ['']
}

/** As `wrapText`, with every line indented as the first is. */
export function wrapIndented(text: string, width: number): string[] {
  if (widthOf(text) <= width) return [text]
  const indent = /^ */.exec(text)?.[0] ?? ''
  return wrapText(text.slice(indent.length), width - indent.length).map(line => indent + line)
}
