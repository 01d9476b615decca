import { Errors } from 'typebox/schema'
import { nearest } from '../../lib/nearest.ts'
import { type MemberPath, type Mistakes, memberName } from './mistakes.ts'
import { misplacedSecret } from './secret-names.ts'

/** What is read here of a JSON Schema. */
interface SchemaNode {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly anyOf?: readonly unknown[]
  readonly pattern?: string
  readonly description?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly examples?: readonly unknown[]
}

type SchemaError = ReturnType<typeof Errors>[1][number]

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** The parts of a JSON Pointer (RFC 6901). */
const pointerParts = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))

/** What a pointer leads to in a schema or a value. */
const follow = (root: unknown, parts: readonly (string | number)[]): unknown =>
  parts.reduce<unknown>(
    (at, part) => (isObject(at) && Object.hasOwn(at, part) ? at[part as keyof typeof at] : undefined),
    root,
  )

/** The pointer as a path: a number where it leads into a list. */
function pathIn(root: unknown, pointer: string): (string | number)[] {
  const path: (string | number)[] = []
  for (const part of pointerParts(pointer)) {
    path.push(Array.isArray(follow(root, path)) ? Number(part) : part)
  }
  return path
}

/** An example as it is written in YAML: a text that would be read as a number has quotes. */
function written(example: unknown): string {
  if (Array.isArray(example)) return `[${example.map(written).join(', ')}]`
  return typeof example === 'string' && /^[+\d]+$/.test(example) ? `'${example}'` : String(example)
}

/** What a member should be. */
function expected({ type, anyOf, examples, ...node }: SchemaNode): string {
  const such = examples?.[0] === undefined ? '' : `, such as ${written(examples[0])}`
  if (node.enum) return `one of ${node.enum.join(', ')}`
  if (anyOf) return `a text or a list of texts${such}`
  if (type === 'integer') {
    const { minimum, maximum } = node
    const range = minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`
    return `a whole number${range}${such}`
  }
  if (type === 'boolean') return 'true or false'
  if (type === 'object') return `a section with members: ${Object.keys(node.properties ?? {}).join(', ')}`
  if (type === 'array') return `a list${such}`
  const { minLength = 0, maxLength } = node
  const length = maxLength === undefined ? '' : ` of ${Math.max(1, minLength)} to ${maxLength} characters`
  return `a text${length}${such}`
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'number') return 'a number'
  if (typeof value === 'boolean') return `the value ${value}`
  return typeof value === 'string' ? 'a text' : 'a section'
}

function wrongKind(node: SchemaNode, value: unknown): string {
  const scalar = typeof value === 'number' || typeof value === 'boolean'
  const quotes = scalar && (node.type === 'string' || node.enum) ? ' Put it in quotes.' : ''
  const unquoted =
    node.type === 'integer' && typeof value === 'string' && /^\d+$/.test(value) ? ' Take off the quotes.' : ''
  return `this is ${kindOf(value)}. Expected: ${expected(node)}.${quotes}${unquoted}`
}

function words(keyword: string, node: SchemaNode, value: unknown): string {
  if (keyword === 'type' || keyword === 'anyOf') return wrongKind(node, value)
  if (keyword === 'minItems' || keyword === 'minProperties') return 'this is empty. Give at least one, or leave it out.'
  if (keyword === 'maxItems') return 'there are too many of them.'
  if (keyword === 'uniqueItems') return 'something stands here twice.'
  if (keyword === 'enum' && typeof value === 'string' && node.enum) {
    const near = nearest(value, node.enum)
    return `this is none that there is${near ? `; is ${near} meant?` : '.'} Expected: ${expected(node)}.`
  }
  if (keyword === 'enum') return wrongKind(node, value)
  const wrong = keyword === 'minimum' || keyword === 'maximum' ? 'out of range' : 'not of the right form'
  const [meaning] = (keyword === 'pattern' && /^.*?\.(?= |$)/.exec(node.description ?? '')) || ['']
  return `this is ${wrong}. Expected: ${expected(node)}. ${meaning}`.trimEnd()
}

function unknownMember(path: MemberPath, known: readonly string[]): string {
  const secret = misplacedSecret(memberName(path))
  if (secret) return secret
  const near = nearest(String(path.at(-1)), known)
  return near
    ? `there is no such member; is ${near} meant?`
    : `there is no such member. There are: ${known.join(', ')}.`
}

/**
 * Takes a member away, or the whole list that it is an item of, so that no other item changes its place.
 * @returns the path of what was taken
 */
function prune(root: unknown, path: MemberPath): MemberPath {
  const around = path.slice(0, -1)
  const parent = follow(root, around)
  const last = path.at(-1)
  if (Array.isArray(parent)) return prune(root, around)
  if (isObject(parent) && last !== undefined) Reflect.deleteProperty(parent, last)
  return path
}

/** Where a union is that an error lies inside of: its part of the schema's and of the value's pointer. */
function outOfUnion({ schemaPath, instancePath }: SchemaError): { schemaPath: string; instancePath: string } {
  const end = schemaPath.indexOf('/anyOf/')
  if (end === -1) return { schemaPath, instancePath }
  const parts = schemaPath.slice(0, end).split('/')
  const depth = parts.filter((part, index) => part === 'items' || parts[index - 1] === 'properties').length
  return {
    schemaPath: schemaPath.slice(0, end),
    instancePath: instancePath
      .split('/')
      .slice(0, depth + 1)
      .join('/'),
  }
}

/** The mistakes that one error of the library stands for, and the member that is taken away for it. */
function tell(schema: object, value: unknown, error: SchemaError, mistakes: Mistakes, taken: Set<string>): MemberPath {
  const { schemaPath, instancePath } = outOfUnion(error)
  const path = pathIn(value, instancePath)
  const node = (pointer: string) => (follow(schema, pointerParts(pointer.slice(1))) ?? {}) as SchemaNode
  if (taken.has(JSON.stringify(path))) return path
  if (error.keyword === 'boolean') {
    const { properties = {} } = node(schemaPath.replace(/\/additionalProperties$/, ''))
    mistakes.add(path, unknownMember(path, Object.keys(properties)))
  } else if (error.keyword === 'required') {
    for (const name of error.params.requiredProperties) {
      if (taken.has(JSON.stringify([...path, name]))) continue
      mistakes.add(path, `${name} is missing. Expected: ${expected(node(schemaPath).properties?.[name] ?? {})}.`)
    }
  } else if (error.keyword !== 'minProperties' || !mistakes.isAbout(path)) {
    const keyword = schemaPath === error.schemaPath ? error.keyword : 'anyOf'
    mistakes.add(path, words(keyword, node(schemaPath), follow(value, path)))
  }
  return path
}

/**
 * Holds a value against the schema and tells every mistake, each once. The library stops after a few, so what is wrong
 * is told, taken away, and the rest held against the schema again.
 * @param value is changed: what is wrong is taken out of it
 * @returns whether what is left fits the schema; `false` where nothing could be left, or there are too many mistakes
 */
export function tellSchemaMistakes(schema: object, value: unknown, mistakes: Mistakes): boolean {
  const taken = new Set<string>()
  while (!mistakes.full) {
    const [valid, errors] = Errors(schema, value)
    if (valid) return true
    // Each unknown member has an error of its own beside it.
    const own = errors.filter(({ keyword }) => keyword !== 'additionalProperties')
    // What lacks a member is taken away whole, so that comes after all that is wrong inside of it.
    const inside = own.filter(({ keyword }) => keyword !== 'required')
    const wrong = (inside.length > 0 ? inside : own).map(error => {
      const path = tell(schema, value, error, mistakes, taken)
      taken.add(JSON.stringify(path))
      return path
    })
    if (wrong.length === 0 || wrong.some(path => path.length === 0)) return false
    for (const path of wrong) taken.add(JSON.stringify(prune(value, path)))
  }
  return false
}
