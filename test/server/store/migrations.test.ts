import { describe, expect, test } from 'vitest'
import { migrations, type SchemaMigration } from '../../../src/server/store/migrations/all.ts'

// The rule is in docs/operations.md, "Migrations", and why it is so in docs/adr/0008-migrations.md.

const plain = (statement: string): string => statement.replace(/\s+/g, ' ').trim().toLowerCase()

const tableOf = (statement: string): string | undefined =>
  /^create table (\w+) \(/.exec(statement)?.[1] ??
  /^alter table (\w+) /.exec(statement)?.[1] ??
  /^create (?:unique )?index \w+ on (\w+) \(/.exec(statement)?.[1]

/** What a statement of an `expand` migration may not be, since old processes write and read meanwhile. */
function mistakeOf(statement: string, made: ReadonlySet<string>): string | undefined {
  const table = tableOf(statement)
  if (table === undefined) return 'it is neither a table, nor a column, nor an index'
  if (made.has(table) || statement.startsWith('create table')) return undefined
  if (statement.startsWith('create unique index')) return 'rows of old processes may violate a unique index'
  if (statement.startsWith('create index')) return undefined
  const column = /^alter table \w+ add column \w+ (?:text|bigint|bytea)\b(.*)$/.exec(statement)
  if (!column) return 'it changes more than it adds'
  const rest = column[1] ?? ''
  if (/\b(?:unique|primary key|check)\b/.test(rest)) return 'old processes know nothing of a constraint'
  if (rest.includes('not null') && !/ default (?:'[^']*'|-?\d+)/.test(rest)) return 'old processes leave the column out'
  return undefined
}

function mistakesIn({ name, statements }: SchemaMigration): string[] {
  const made = new Set<string>()
  return statements.map(plain).flatMap(statement => {
    const mistake = mistakeOf(statement, made)
    const table = /^create table (\w+) /.exec(statement)?.[1]
    if (table) made.add(table)
    return mistake === undefined ? [] : [`${name}: ${statement}: ${mistake}`]
  })
}

/** An index on a table of before keeps writers waiting while it is made, and whatever else is locked keeps readers. */
function mixesIn({ name, statements }: SchemaMigration): string[] {
  const all = statements.map(plain)
  const made = new Set(all.map(statement => /^create table (\w+) /.exec(statement)?.[1]))
  const indexes = all.filter(statement => /^create (?:unique )?index/.test(statement) && !made.has(tableOf(statement)))
  return indexes.length > 0 && indexes.length < all.length ? [name] : []
}

const expanding = migrations.filter(({ kind }) => kind === 'expand')

describe('the rule of migrations', () => {
  test('each has a name that sorts after those before it', () => {
    const names = migrations.map(({ name }) => name)
    expect(names).toEqual([...names].sort())
    expect(new Set(names).size).toBe(names.length)
  })

  test.each(expanding.filter(({ name }) => name >= '0003'))('$name only adds', migration => {
    expect(mistakesIn(migration)).toEqual([])
  })

  // 0003 came before the first release on PostgreSQL.
  test.each([
    ...expanding.filter(({ name }) => name >= '0004'),
    { name: 'none', kind: 'expand', statements: [] },
  ] as const)('$name makes indexes on tables of before by themselves', migration => {
    expect(mixesIn(migration)).toEqual([])
  })

  test.each([
    'drop index outbox_due',
    'drop table pushes',
    'alter table accounts drop column role',
    'alter table accounts rename column role to kind',
    'alter table accounts alter column role type bigint',
    'alter table accounts add column x text not null',
    "alter table accounts add column x text unique default ''",
    'alter table accounts add column x bigint check (x > 0)',
    'create unique index x on accounts (role)',
    "update accounts set role = 'person'",
  ])('%s is refused', statement => {
    expect(mistakesIn({ name: 'x', kind: 'expand', statements: [statement] })).toHaveLength(1)
  })

  test('an index beside other statements is refused, unless its table is new', () => {
    const index = 'create index x on accounts (role)'
    const column = 'alter table accounts add column later text'
    expect(mixesIn({ name: 'x', kind: 'expand', statements: [column, index] })).toEqual(['x'])
    expect(mixesIn({ name: 'x', kind: 'expand', statements: [index] })).toEqual([])
    const table = 'create table later (id text primary key)'
    expect(mixesIn({ name: 'x', kind: 'expand', statements: [table, 'create index y on later (id)'] })).toEqual([])
  })
})
