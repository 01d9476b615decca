import { Compile } from 'typebox/compile'
import type { TSchema } from 'typebox/type'

const compiled = new WeakMap<TSchema, ReturnType<typeof Compile>>()

/**
 * Whether `value` is of `schema`, as `isOfSchema` says it. Compiled when it is first asked about a schema: that takes
 * some milliseconds, and a long value then a fiftieth of the time.
 */
export function isOfSchemaCompiled(schema: TSchema, value: unknown): boolean {
  const known = compiled.get(schema) ?? Compile(schema)
  compiled.set(schema, known)
  return known.Check(value)
}
