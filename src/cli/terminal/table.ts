import { printable } from '../../lib/printable.ts'
import type { Cell, Style } from '../context.ts'
import { padTo, shorten, widthOf } from './text-width.ts'

const indent = '  '
const gap = '  '
const widestCell = 32
const narrowestCell = 12

/** Narrows the widest columns, as far as that is enough; never one whose cells are there to be copied. */
function makeFit(widths: number[], room: number, isCopied: (column: number) => boolean): void {
  for (let excess = widths.reduce((sum, width) => sum + width, 0) - room; excess > 0; excess--) {
    const widest = Math.max(...widths.filter((_width, column) => !isCopied(column)))
    const column = widths.findIndex((width, index) => width === widest && !isCopied(index))
    if (widest <= narrowestCell) return
    widths[column] = widest - 1
  }
}

/**
 * The lines of a table: columns under `titles` where they fit into `columns`, else one line per cell with its title
 * before it. Of a row that ends before the last column, the last cell may take the rest of the line. What the cells say
 * is made printable.
 */
export function layOutTable(
  titles: readonly string[],
  cells: readonly (readonly Cell[])[],
  columns: number,
  paint: (style: Style, text: string) => string,
): string[] {
  const rows = cells.map(row => row.map(cell => ({ ...cell, text: printable(cell.text) })))
  const takesRest = (row: readonly Cell[], column: number) => column === row.length - 1 && row.length < titles.length
  const isCopied = (column: number) => rows.some(row => row[column]?.style === 'command')
  const widths = titles.map((title, column) => {
    const widest = isCopied(column) ? columns : widestCell
    const cells = rows.map(row => (takesRest(row, column) ? '' : (row[column]?.text ?? '')))
    return Math.max(widthOf(title), ...cells.map(text => Math.min(widest, widthOf(text))))
  })
  const styled = ({ style }: Cell, text: string) => (style && text.trim() ? paint(style, text) : text)
  const room = columns - indent.length - gap.length * (titles.length - 1)
  makeFit(widths, room, isCopied)
  const total = indent.length + widths.reduce((sum, width) => sum + width, 0) + gap.length * (titles.length - 1)
  if (total > columns) {
    return rows.flatMap(row => [
      ...row.flatMap((cell, column) =>
        cell.text ? [`${indent}${paint('dim', `${titles[column] ?? ''}: `)}${styled(cell, cell.text)}`] : [],
      ),
      '',
    ])
  }
  const line = (cells: readonly Cell[]) =>
    (
      indent +
      cells
        .map((cell, column) => {
          const before = widths.slice(0, column).reduce((sum, width) => sum + width + gap.length, indent.length)
          const width = takesRest(cells, column) ? columns - before : (widths[column] ?? widestCell)
          const text = shorten(cell.text, width)
          return column === cells.length - 1 ? styled(cell, text) : padTo(styled(cell, text), widths[column] ?? 0)
        })
        .join(gap)
    ).trimEnd()
  return [line(titles.map(text => ({ text, style: 'dim' as const }))), ...rows.map(line)]
}
