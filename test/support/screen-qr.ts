import type { Terminal as Screen } from '@xterm/headless'
import jsQR from 'jsqr'

type Rgb = readonly [number, number, number]

/** How a terminal shows its sixteen colours, and the two that text has by default. */
export interface Palette {
  readonly foreground: Rgb
  readonly background: Rgb
  readonly colours: readonly Rgb[]
}

const grey = (level: number): Rgb => [level, level, level]
const hex = (value: number): Rgb => [value >> 16, (value >> 8) & 0xff, value & 0xff]

/** xterm's own colours. */
const usual = [
  0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00,
  0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
].map(hex)

/** https://ethanschoonover.com/solarized: its black is no black, its white no white. */
const solarized = [
  0x073642, 0xdc322f, 0x859900, 0xb58900, 0x268bd2, 0xd33682, 0x2aa198, 0xeee8d5, 0x002b36, 0xcb4b16, 0x586e75,
  0x657b83, 0x839496, 0x6c71c4, 0x93a1a1, 0xfdf6e3,
].map(hex)

export const palettes = {
  dark: { foreground: grey(0xe5), background: grey(0), colours: usual },
  light: { foreground: grey(0), background: grey(0xff), colours: usual },
  'solarized dark': { foreground: hex(0x839496), background: hex(0x002b36), colours: solarized },
  'solarized light': { foreground: hex(0x657b83), background: hex(0xfdf6e3), colours: solarized },
} as const satisfies Record<string, Palette>

/** Pixels across a cell; it is twice as high. */
const cellWidth = 4

/** Which halves of a cell a block element fills. */
const halves: Readonly<Record<string, readonly [upper: boolean, lower: boolean]>> = {
  '█': [true, true],
  '▀': [true, false],
  '▄': [false, true],
}

/** The screen as pixels (RGBA). Of text only the background is drawn: no QR code is made of letters. */
function photograph(screen: Screen, palette: Palette): { data: Uint8ClampedArray; width: number; height: number } {
  const { active } = screen.buffer
  const width = screen.cols * cellWidth
  const height = screen.rows * 2 * cellWidth
  const data = new Uint8ClampedArray(width * height * 4)
  for (let row = 0; row < screen.rows; row++) {
    for (let column = 0; column < screen.cols; column++) {
      const cell = active.getLine(active.baseY + row)?.getCell(column)
      const colour = (isDefault: boolean | undefined, number: number | undefined, otherwise: Rgb) =>
        isDefault === false ? (palette.colours[number ?? 0] ?? otherwise) : otherwise
      const ink = colour(cell?.isFgDefault(), cell?.getFgColor(), palette.foreground)
      const paper = colour(cell?.isBgDefault(), cell?.getBgColor(), palette.background)
      const [upper, lower] = halves[cell?.getChars() ?? ''] ?? [false, false]
      for (let y = 0; y < 2 * cellWidth; y++) {
        const rgb = (y < cellWidth ? upper : lower) ? ink : paper
        for (let x = 0; x < cellWidth; x++) {
          data.set([...rgb, 0xff], ((row * 2 * cellWidth + y) * width + column * cellWidth + x) * 4)
        }
      }
    }
  }
  return { data, width, height }
}

/** What a phone reads that is held before the screen; `undefined` when it finds no QR code, or only a negative. */
export function readQr(screen: Screen, palette: Palette): string | undefined {
  const { data, width, height } = photograph(screen, palette)
  return jsQR(data, width, height, { inversionAttempts: 'dontInvert' })?.data
}
