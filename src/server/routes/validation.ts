import { Compile } from 'typebox/compile'
import type { TSchema } from 'typebox/type'

/** Checks values against one schema. */
export interface Validation {
  accepts(value: unknown): boolean
  /** Where a refused value differs, as JSON pointers with what was expected. Never the value itself. */
  explain(value: unknown): { path: string; expected: string }[]
}

const mostExplanations = 8

/** A validation that is compiled when it is first used: most of a server's schemas are not needed to start it. */
function lazily(schema: () => TSchema): Validation {
  let compiled: ReturnType<typeof Compile> | undefined
  const validator = () => {
    compiled ??= Compile(schema())
    return compiled
  }
  return {
    accepts: value => validator().Check(value),
    explain: value =>
      validator()
        .Errors(value)
        .slice(0, mostExplanations)
        .map(error => ({ path: error.instancePath || '/', expected: error.message })),
  }
}

export const requestValidation = (schema: TSchema): Validation => lazily(() => schema)

/**
 * The validation of answers. In the contract answers are open, so that an old client takes a newer server's; the
 * server itself sends no member that the contract does not name.
 */
export const answerValidation = (schema: TSchema): Validation => lazily(() => closed(schema) as TSchema)

function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  if (copy.type === 'object' && copy.properties && !('additionalProperties' in copy)) {
    copy.additionalProperties = false
  }
  return copy
}
