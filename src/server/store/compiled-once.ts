import type { CompiledQuery, QueryResult } from 'kysely'
import type { Handle } from './handle.ts'

/** Stands for an argument, or for one member of it, while a query is built. */
class Placeholder {
  readonly index: number
  readonly member: string | undefined
  constructor(index: number, member?: string) {
    this.index = index
    this.member = member
  }
}

const isRow = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value)

const placeholderFor = (value: unknown, index: number): unknown =>
  isRow(value)
    ? Object.fromEntries(Object.keys(value).map(member => [member, new Placeholder(index, member)]))
    : new Placeholder(index)

function argumentOf(values: readonly unknown[], { index, member }: Placeholder): unknown {
  const value = values[index]
  return member === undefined ? value : (value as Record<string, unknown>)[member]
}

const built = new WeakSet<object>()

/** Has a query known as one whose text is one of few, and comes again. */
export const setCompiledOnce = ({ queryId }: CompiledQuery): void => void built.add(queryId)

/** Whether the text of a query is one of few, and comes again. */
export const isCompiledOnce = ({ queryId }: CompiledQuery): boolean => built.has(queryId)

/**
 * A query that is built and compiled by its first call, for each kind of database; later calls only put their
 * arguments in, in or out of a transaction. For the queries of busy requests: Kysely takes longer to build one than
 * SQLite to answer it.
 * @param build takes the arguments and may do nothing with them but hand them to the query as values. A row must have
 * the same members in every call.
 */
export function compiledOnce<A extends readonly unknown[], R>(
  build: (db: Handle, ...values: A) => { compile(): CompiledQuery<R> },
): (db: Handle, ...values: A) => Promise<QueryResult<R>> {
  const compiled = new WeakMap<object, CompiledQuery<R>>()
  return async (db, ...values) => {
    const executor = db.getExecutor()
    const { adapter } = executor
    let query = compiled.get(adapter)
    if (!query) {
      query = build(db, ...(values.map(placeholderFor) as unknown as A)).compile()
      compiled.set(adapter, query)
      setCompiledOnce(query)
    }
    const parameters = query.parameters.map(value => (value instanceof Placeholder ? argumentOf(values, value) : value))
    const ready = { ...query, parameters }
    // Kysely's own way round does nothing more where there are no plugins, and takes a dozen turns of promises for it.
    return executor.provideConnection(connection => connection.executeQuery<R>(ready))
  }
}
