import { type CompiledQuery, PostgresAdapter, type RawBuilder, sql } from 'kysely'
import { setCompiledOnce } from './compiled-once.ts'
import type { Handle } from './handle.ts'

/** The columns of rows that go into a statement, in their order, with the types that both databases know. */
export type ColumnTypes = Readonly<Record<string, 'text' | 'bigint' | 'bytea'>>

type Cells<C extends ColumnTypes> = { readonly [name in keyof C]: string | number | Uint8Array | null }

/** Stands for one value while a statement is built. */
class Cell {
  readonly row: number
  readonly column: string
  constructor(row: number, column: string) {
    this.row = row
    this.column = column
  }
}

/** Stands for an argument beside the rows. */
class Argument {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }
}

/** Few, so that each is prepared once; rows that are too few for one are filled up with NULL. */
const sizes = [1, 10, 50, 100] as const
const longest = 100

const sizeFor = (count: number): number => sizes.find(size => size >= count) ?? longest

/** How a statement takes its rows. */
interface GivenRows {
  /** `v(name, …) as (values …)`, to stand after `with`. A row that fills up has NULL in all columns. */
  readonly v: RawBuilder<unknown>
  /** The values of a single column, to stand in `in (…)`. */
  readonly list: RawBuilder<unknown>
  /** Ends a query whose rows no other transaction is to change until the end of this one. */
  readonly forShare: RawBuilder<unknown>
}

/**
 * A statement over many rows, built and compiled once for each size and kind of database, and run as often as the rows
 * need. Every value has its type in a cast: PostgreSQL can't tell it from a parameter, and SQLite compares by it.
 * @param build takes the rows and the other arguments and may do nothing with them but put them into `sql`
 */
export function compiledForRows<C extends ColumnTypes, A extends readonly unknown[], R>(
  columns: C,
  build: (given: GivenRows, ...values: A) => RawBuilder<R>,
): (db: Handle, rows: readonly Cells<C>[], ...values: A) => Promise<{ rows: R[]; changed: number }> {
  const names = Object.keys(columns)
  const compiled = new WeakMap<object, Map<number, CompiledQuery<R>>>()

  function compile(db: Handle, size: number, count: number): CompiledQuery<R> {
    const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter
    const cell = (row: number, name: string) => {
      const type = columns[name] ?? 'text'
      const value = new Cell(row, name)
      // To SQLite `bytea` is no name of bytes: a cast to it would make a number of them.
      return type === 'bytea' && !isPostgres ? sql`${value}` : sql`cast(${value} as ${sql.raw(type)})`
    }
    const rows = Array.from({ length: size }, (_, row) => names.map(name => cell(row, name)))
    const given = {
      v: sql`v(${sql.raw(names.join(', '))}) as (values ${sql.join(rows.map(cells => sql`(${sql.join(cells)})`))})`,
      list: sql.join(rows.flat()),
      // SQLite has one transaction at a time.
      forShare: isPostgres ? sql`for share` : sql``,
    }
    const values = Array.from({ length: count }, (_, index) => new Argument(index))
    return build(given, ...(values as unknown as A)).compile(db)
  }

  function queryFor(db: Handle, size: number, count: number): CompiledQuery<R> {
    const { adapter } = db.getExecutor()
    const known = compiled.get(adapter) ?? new Map<number, CompiledQuery<R>>()
    compiled.set(adapter, known)
    const ready = known.get(size)
    if (ready) return ready
    const query = compile(db, size, count)
    setCompiledOnce(query)
    known.set(size, query)
    return query
  }

  return async (db, rows, ...values) => {
    const answered: R[] = []
    let changed = 0
    for (let start = 0; start < rows.length; start += longest) {
      const part = rows.slice(start, start + longest)
      const query = queryFor(db, sizeFor(part.length), values.length)
      const parameters = query.parameters.map(value => {
        if (value instanceof Cell) return part[value.row]?.[value.column] ?? null
        return value instanceof Argument ? values[value.index] : value
      })
      const result = await db
        .getExecutor()
        .provideConnection(connection => connection.executeQuery<R>({ ...query, parameters }))
      for (const row of result.rows) answered.push(row)
      changed += Number(result.numAffectedRows ?? 0)
    }
    return { rows: answered, changed }
  }
}
