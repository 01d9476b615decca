import { ConfigError, type Mistake } from './config-error.ts'

/** The way to a member of the file, `['sms', 'routes', 0]`. */
export type MemberPath = readonly (string | number)[]

/** Where something stands in the file; line and column from 1. */
export interface Place {
  readonly file: string
  readonly line: number | undefined
  readonly column: number | undefined
}

const plainName = /^[\w-]{1,64}$/

/** `sms.routes[0].countries`. A name that no member has is not repeated unless it is short and plain. */
export const memberName = (path: MemberPath): string =>
  path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`
      return `${index === 0 ? '' : '.'}${plainName.test(part) ? part : '…'}`
    })
    .join('')

/** Why a file can't be read, by the error's code. */
export function unreadable(code: string): string {
  if (code === 'ENOENT') return 'does not exist (ENOENT)'
  if (code === 'EACCES') return 'may not be read by the user that hufud runs as (EACCES)'
  return `can’t be read (${code})`
}

/** Nobody mends more at once, and a file that is something else altogether would have thousands. */
const mostMistakes = 100

/** Collects the mistakes of one configuration, so that all of them are told at once. */
export class Mistakes {
  readonly #placeOf: (path: MemberPath) => Place | undefined
  readonly #found: Mistake[] = []

  /** @param placeOf where a member stands, or the nearest one around it; `undefined` where there is no file */
  constructor(placeOf: (path: MemberPath) => Place | undefined) {
    this.#placeOf = placeOf
  }

  get full(): boolean {
    return this.#found.length >= mostMistakes
  }

  /** Something is wrong with a member of the file. */
  add(path: MemberPath, words: string): void {
    this.addAt(this.#placeOf(path), memberName(path), words)
  }

  /** Something is wrong with a variable or an option, or at a place of the file that is no member. */
  addAt(place: Place | undefined, name: string, words: string): void {
    if (this.full) return
    this.#found.push({ file: place?.file, line: place?.line, column: place?.column, path: name, words })
  }

  /** Whether something was told of a member, or inside of it. */
  isAbout(path: MemberPath): boolean {
    const name = memberName(path)
    return this.#found.some(
      ({ path: told }) => told === name || told.startsWith(`${name}.`) || told.startsWith(`${name}[`),
    )
  }

  /** @throws {ConfigError} with every mistake, in the order of the file, when there is one */
  throwIfAny(): void {
    if (this.#found.length === 0) return
    const order = ({ line, column }: Mistake) => (line ?? 0) * 1e6 + (column ?? 0)
    throw new ConfigError([...this.#found].sort((a, b) => order(a) - order(b)))
  }
}
