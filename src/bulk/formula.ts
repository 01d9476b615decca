import type { Layout } from './columns.ts'

// What a spreadsheet takes for a formula: https://owasp.org/www-community/attacks/CSV_Injection
const formula = /^'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/
const neutralised = /^'+[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/

/** A cell with an apostrophe before it where a spreadsheet would run it; one that has some already gets one more. */
export const neutraliseFormula = (cell: string): string => (formula.test(cell) ? `'${cell}` : cell)

/** The cell that `neutraliseFormula` was given. */
export const restoreFormula = (cell: string): string => (neutralised.test(cell) ? cell.slice(1) : cell)

/**
 * Cells without the apostrophes of results. Elsewhere a password may well begin with one; no number or address does.
 * @param isFedBack whether the file has the columns of results
 */
export const takeApostropheAway = (layout: Layout, cells: readonly string[], isFedBack: boolean): readonly string[] =>
  cells.map((cell, index) => (isFedBack || layout[index] !== 'password' ? restoreFormula(cell) : cell))
