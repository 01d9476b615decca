import { createHash } from 'node:crypto'
import type { CompiledQuery } from 'kysely'
import { isCompiledOnce } from '../compiled-once.ts'

/**
 * The names under which statements are prepared. A name is made of the statement's text, so that a pooler which hands
 * connections around can make a statement unknown, but never another one. After a migration all names are new: a plan
 * from before it is refused from then on.
 */
export class StatementNames {
  readonly #isOn: boolean
  readonly #names = new Map<string, string>()
  #generation = 0

  constructor(isOn: boolean) {
    this.#isOn = isOn
  }

  /** @returns `undefined` for a statement that is not to be prepared: it may have any number of forms */
  nameOf(query: CompiledQuery): string | undefined {
    if (!this.#isOn || !isCompiledOnce(query)) return undefined
    const known = this.#names.get(query.sql)
    if (known !== undefined) return known
    const digest = createHash('sha256').update(query.sql).digest('base64url').slice(0, 32)
    const name = `hufud_${this.#generation}_${digest}`
    this.#names.set(query.sql, name)
    return name
  }

  /** The plan of this name was refused. */
  renew(name: string): void {
    if (!name.startsWith(`hufud_${this.#generation}_`)) return
    this.#generation += 1
    this.#names.clear()
  }
}
