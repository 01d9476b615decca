import type { CompiledQuery } from 'kysely'
import type { Handle } from './handle.ts'

/** Stands for an argument while a query is built. */
class Placeholder {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }
}

/**
 * A query that is built and compiled by its first call; later ones only put their arguments in. For queries of every
 * request: Kysely takes longer to build one than SQLite to answer it.
 * @param build takes the arguments and may do nothing with them but hand them to the query as values
 */
export function compiledOnce<A extends readonly unknown[], R>(
  db: Handle,
  build: (...values: A) => { compile(): CompiledQuery<R> },
): (...values: A) => Promise<R[]> {
  let compiled: CompiledQuery<R> | undefined
  return async (...values) => {
    compiled ??= build(...(values.map((_, index) => new Placeholder(index)) as unknown as A)).compile()
    const parameters = compiled.parameters.map(value => (value instanceof Placeholder ? values[value.index] : value))
    const { rows } = await db.executeQuery<R>({ ...compiled, parameters })
    return rows
  }
}
