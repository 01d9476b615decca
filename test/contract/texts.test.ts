import { expect, test } from 'vitest'
import { operations } from '../../src/contract/operations.ts'

interface Schema {
  readonly type?: string
  readonly pattern?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

/** The paths of texts that may hold U+0000, which PostgreSQL refuses wherever a statement has it. */
function* textsWithNul(schema: Schema | undefined, path: string): Generator<string> {
  if (schema === undefined) return
  const takesNul =
    schema.pattern === undefined || ['\0', 'a\0', '\0a'].some(text => RegExp(schema.pattern ?? '').test(text))
  const isFixed = schema.enum !== undefined || schema.const !== undefined
  if (schema.type === 'string' && !isFixed && takesNul) yield path
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    yield* textsWithNul(property, `${path}.${name}`)
  for (const one of schema.anyOf ?? []) yield* textsWithNul(one, path)
  yield* textsWithNul(schema.items, `${path}[]`)
}

test('texts that may hold U+0000 are those alone that are checked or hashed before any statement', () => {
  const found = operations.flatMap(({ id, params, query, body }) => [
    ...textsWithNul(params as Schema, `${id} params`),
    ...textsWithNul(query as Schema, `${id} query`),
    ...textsWithNul(body as Schema, `${id} body`),
  ])
  expect([...new Set(found.map(path => path.replace(/^.*[.\]]([a-z_A-Z]+(\[\])?)$/, '$1')))].sort()).toEqual([
    // Read by nobody.
    'authenticatorAttachment',
    // Looked for by its form, or not at all.
    'before',
    'code',
    'email',
    'email_address',
    'key_name',
    'name',
    // Hashed.
    'new_password',
    'password',
    'password_hash',
    'phone',
    'phone_number',
    // Left out where they are no words.
    'transports[]',
    'value',
  ])
})
