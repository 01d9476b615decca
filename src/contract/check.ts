import { Check } from 'typebox/schema'
import type { TSchema } from 'typebox/type'

/** Whether `value` is of `schema`. Interpreted, not compiled: a client checks a handful of values in its life. */
export const isOfSchema = (schema: TSchema, value: unknown): boolean => Check(schema, value)
