/** A QR code as lines of half blocks: the light modules are drawn, in the foreground colour. */
export interface QrPicture {
  readonly lines: readonly string[]
  readonly columns: number
}

/** Draws `payload` with error correction level L; qrcode-terminal is loaded by the first. */
export async function drawQr(payload: string): Promise<QrPicture> {
  const { default: qrcode } = await import('qrcode-terminal')
  let drawn = ''
  qrcode.generate(payload, { small: true }, picture => {
    drawn = picture
  })
  const lines = drawn.replace(/\n$/, '').split('\n')
  return { lines, columns: Math.max(...lines.map(line => line.length)) }
}

/**
 * White on black, whatever the terminal's palette: on a light one, scanners would see a negative, which many refuse.
 * https://www.ecma-international.org/publications-and-standards/standards/ecma-48/ section 8.3.117
 */
const onBlack = (line: string): string => `\u001b[97;40m${line}\u001b[0m`

export type QrPlace = 'below' | 'beside' | 'above' | 'none'

const gap = 2
const narrowestText = 28
/** A screen narrower than this breaks the question that follows into two lines. */
const wideEnough = 60

/**
 * Where the text goes on a screen of `columns` × `rows`, so that the picture stays whole when the next question stands
 * under it; `none` when the picture itself has no room.
 */
export function placeText(picture: QrPicture, textLines: number, columns: number, rows: number): QrPlace {
  if (picture.columns > columns || picture.lines.length >= rows) return 'none'
  const questionLines = columns < wideEnough ? 2 : 1
  if (picture.lines.length + textLines + questionLines <= rows) return 'below'
  return columns - picture.columns - gap >= narrowestText ? 'beside' : 'above'
}

/** The picture with its text, ready to be printed. `wrap` breaks a text into lines of a width. */
export function layOutQr(
  picture: QrPicture,
  text: readonly string[],
  place: Exclude<QrPlace, 'none'>,
  options: { colour: boolean; columns: number; wrap: (text: string, width: number) => readonly string[] },
): string[] {
  const { colour, columns, wrap } = options
  const painted = picture.lines.map(line => (colour ? onBlack(line.padEnd(picture.columns)) : line))
  const whole = () => text.flatMap(line => wrap(line, columns))
  if (place === 'below') return [...painted, ...whole()]
  if (place === 'above') return [...whole(), ...painted]
  const wrapped = text.flatMap(line => [...wrap(line, columns - picture.columns - gap), ''])
  return painted.map((line, index) => {
    const words = wrapped[index]
    return words
      ? `${line}${colour ? '' : ' '.repeat(picture.columns - (picture.lines[index]?.length ?? 0))}${' '.repeat(gap)}${words}`
      : line
  })
}

/** Whether the locale's encoding is UTF-8 (POSIX section 8.2); Windows terminals are. */
export function isUtf8(env: Readonly<Record<string, string | undefined>>, platform: NodeJS.Platform): boolean {
  if (platform === 'win32') return true
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  return /utf-?8/i.test(locale)
}
