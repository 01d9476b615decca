import jsQR from 'jsqr'
import { describe, expect, it } from 'vitest'
import type { Cell } from '../../src/cli/context.ts'
import { drawQr, isUtf8, layOutQr, placeText } from '../../src/cli/terminal/qr.ts'
import { layOutTable } from '../../src/cli/terminal/table.ts'
import { jsonLine } from '../../src/cli/terminal/terminal.ts'
import { padTo, prepareWidths, shorten, widthOf, wrapText } from '../../src/cli/terminal/text-width.ts'

const plain = (_style: unknown, text: string): string => text
const uri = 'otpauth://totp/hufu:demo?secret=W4APABMGNDSDQ5MFT5BXFUPBSPOLKRMV&issuer=hufu'
const scale = 4

/** What a camera sees: each cell is two half blocks, in the palette of a terminal where a line brings no colours. */
function photograph(lines: readonly string[], palette: { background: number; foreground: number }) {
  const cells = lines.map(line => {
    const coloured = line.startsWith('\u001b[97;40m')
    const text = line.replace(/\u001b\[[0-9;]*m/g, '')
    return { text, ...(coloured ? { background: 0, foreground: 255 } : palette) }
  })
  const columns = Math.max(...cells.map(({ text }) => text.length)) + 8
  const rows = cells.length * 2 + 8
  const width = columns * scale
  const data = new Uint8ClampedArray(width * rows * scale * 4)
  for (let y = 0; y < rows * scale; y++) {
    for (let x = 0; x < width; x++) {
      const row = Math.floor(y / scale) - 4
      const cell = cells[row >> 1]
      const character = cell?.text[Math.floor(x / scale) - 4]
      const drawn = character === '█' || character === (row % 2 === 0 ? '▀' : '▄')
      const paint = cell && character !== undefined ? cell : palette
      data.fill(drawn ? paint.foreground : paint.background, (y * width + x) * 4, (y * width + x) * 4 + 3)
      data[(y * width + x) * 4 + 3] = 255
    }
  }
  return { data, width, height: rows * scale }
}

const decode = ({ data, width, height }: ReturnType<typeof photograph>) =>
  jsQR(data, width, height, { inversionAttempts: 'dontInvert' })?.data

describe('a QR code', () => {
  const options = { columns: 80, wrap: wrapText }

  it.each([
    ['dark', { background: 0, foreground: 229 }],
    ['light', { background: 255, foreground: 20 }],
    ['grey', { background: 128, foreground: 200 }],
  ])('scans on a %s terminal', async (_name, palette) => {
    const picture = await drawQr(uri)
    const lines = layOutQr(picture, [], 'below', { ...options, colour: true }).filter(line => line.trim())
    expect(decode(photograph(lines, palette))).toBe(uri)
  })

  it('is wrapped line by line in white on black', async () => {
    const lines = layOutQr(await drawQr(uri), [], 'below', { ...options, colour: true })
    expect(lines.every(line => /^\u001b\[97;40m[ █▀▄]+\u001b\[0m$/.test(line))).toBe(true)
    const uncoloured = layOutQr(await drawQr(uri), [], 'below', { ...options, colour: false })
    expect(uncoloured.join('')).not.toContain('\u001b')
  })

  it('has its text beside it on 80×24, below it on a tall screen, and gives way on a small one', async () => {
    const picture = await drawQr(uri)
    expect(picture.lines.length).toBeLessThan(24)
    expect(placeText(picture, 7, 80, 24)).toBe('beside')
    expect(placeText(picture, 4, 80, 50)).toBe('below')
    expect(placeText(picture, 7, 40, 24)).toBe('above')
    expect(placeText(picture, 4, 80, 18)).toBe('none')
    expect(placeText(picture, 4, 30, 50)).toBe('none')
    const secret = 'W4AP ABMG NDSD Q5MF T5BX FUPB SPOL KRMV'
    const text = ['Scan this with Microsoft or Google Authenticator.', `Or type this secret into the app: ${secret}`]
    const lines = layOutQr(picture, text, 'beside', { ...options, colour: false })
    expect(lines).toHaveLength(picture.lines.length)
    expect(Math.max(...lines.map(line => widthOf(line)))).toBeLessThanOrEqual(80)
    expect(lines.join(' ').replace(/[█▀▄ ]+/g, ' ')).toContain(secret)
  })

  it.each([
    [{ LANG: 'zh_CN.UTF-8' }, true],
    [{ LC_ALL: 'C', LANG: 'zh_CN.UTF-8' }, false],
    [{ LC_CTYPE: 'C.utf8' }, true],
    [{}, false],
  ])('is drawn with %j: %s', (env, drawn) => expect(isUtf8(env, 'linux')).toBe(drawn))
})

describe('the width of text', () => {
  it.each([
    ['abc', 3],
    ['账户密码', 8],
    ['“安全密钥”…', 11],
    ['a✓', 2],
  ])('of %j is %s', (text, width) => expect(widthOf(text)).toBe(width))

  it('of emoji and colours is what string-width says', async () => {
    await prepareWidths(['👩‍👩‍👧'])
    expect(widthOf('👩‍👩‍👧')).toBe(2)
    expect(widthOf('\u001b[31mred\u001b[0m')).toBe(3)
  })

  it('counts for padding, shortening and wrapping', () => {
    expect(padTo('微信', 6)).toBe('微信  ')
    expect(shorten('网页身份认证器', 7)).toBe('网页身…')
    expect(wrapText('请用微软或谷歌身份验证器扫描二维码。', 12)).toEqual([
      '请用微软或谷',
      '歌身份验证器',
      '扫描二维码。',
    ])
    expect(wrapText('one two three', 7)).toEqual(['one two', 'three'])
    expect(wrapText('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij'])
  })
})

describe('a table', () => {
  const rows: Cell[][] = [
    [{ text: '密保手机' }, { text: '138****8000' }],
    [{ text: '微信' }, { text: '' }],
  ]

  it('stands in columns where they fit', () => {
    expect(layOutTable(['项目', '状态'], rows, 80, plain)).toEqual([
      '  项目      状态',
      '  密保手机  138****8000',
      '  微信',
    ])
  })

  it('never shortens what is there to be copied', () => {
    const path = `\\\\?\\HID#VID_1050&PID_0407#${'8&1f3c'.repeat(7)}`
    const keys: Cell[][] = [[{ text: 'a name of a key that goes on and on' }, { text: path, style: 'command' }]]
    expect(layOutTable(['Name', 'Path'], keys, 120, plain)).toEqual([
      '  Name                              Path',
      `  a name of a key that goes on an…  ${path}`,
    ])
    expect(layOutTable(['Name', 'Path'], keys, 80, plain)).toContain(`  Path: ${path}`)
  })

  it('narrows its widest columns where that makes it fit', () => {
    const wide: Cell[][] = [[{ text: 'a'.repeat(30) }, { text: 'b'.repeat(28) }, { text: 'c' }]]
    expect(layOutTable(['A', 'B', 'C'], wide, 41, plain)).toEqual([
      '  A                  B                  C',
      `  ${'a'.repeat(16)}…  ${'b'.repeat(16)}…  c`,
    ])
  })

  it('lets the last cell of a row that ends early take the rest of the line', () => {
    const short: Cell[][] = [[{ text: '' }, { text: 'what goes on and on' }]]
    const [, , line] = layOutTable(
      ['A', 'B', 'C'],
      [[{ text: 'a' }, { text: 'b' }, { text: 'c' }], ...short],
      24,
      plain,
    )
    expect(line).toBe('     what goes on and on')
    expect(layOutTable(['A', 'B', 'C'], short, 20, plain)[1]).toBe('     what goes on a…')
  })

  it('is a list where they do not', () => {
    expect(layOutTable(['项目', '状态'], rows, 20, plain)).toEqual([
      '  项目: 密保手机',
      '  状态: 138****8000',
      '',
      '  项目: 微信',
      '',
    ])
  })

  it('says nothing that a terminal would obey', () => {
    const [, line] = layOutTable(['a'], [[{ text: 'x\u001b[2J\u009b31m\u202ey' }]], 80, plain)
    expect(line).toMatch(/^ {2}x[\u0020-\u007e]*y$/)
  })
})

describe('a line of JSON', () => {
  it('keeps every character, and holds none that a terminal would obey', () => {
    const members = { text: 'a\u001b[31m\u009b2J\u202e密码\n' }
    expect(jsonLine(members)).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u202e]*$/)
    expect(JSON.parse(jsonLine(members))).toEqual(members)
  })
})
