import { Chalk } from 'chalk'
import type { Style } from '../context.ts'

/** Paints by the sixteen colours that every palette has. */
export function createPaint(): (style: Style, text: string) => string {
  const chalk = new Chalk({ level: 1 })
  const styles = {
    strong: chalk.bold,
    dim: chalk.dim,
    good: chalk.green,
    bad: chalk.red,
    command: chalk.cyan,
  } as const satisfies Record<Style, unknown>
  return (style, text) => styles[style](text)
}
