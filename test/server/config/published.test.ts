import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ConfigFile, configSchemaDocument } from '../../../src/server/config/file-schema.ts'
import { providerSecrets } from '../../../src/server/config/secret-names.ts'
import { openConfigFolder } from './config-file.ts'

const folder = openConfigFolder()
afterAll(() => folder.close())
const doc = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')
const example = doc('hufud.example.yaml')

interface Schema {
  readonly description?: string
  readonly examples?: readonly unknown[]
  readonly default?: unknown
  readonly type?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

/** Every member of the schema with its path. */
function* membersOf({ properties = {}, items }: Schema, path = ''): Generator<[path: string, schema: Schema]> {
  for (const [name, member] of Object.entries(properties)) {
    yield [`${path}${name}`, member]
    yield* membersOf(member, `${path}${name}.`)
  }
  if (items) yield* membersOf(items, path)
}

describe('docs/hufud-config.schema.json', () => {
  test('is what the schema says; `npm run config-schema` writes it anew', () => {
    expect(JSON.parse(doc('hufud-config.schema.json'))).toEqual(JSON.parse(JSON.stringify(configSchemaDocument())))
  })

  test.each([...membersOf(ConfigFile as Schema)])(
    '%s is described, with an example where its type says little',
    (_, member) => {
      expect(member.description).toMatch(/\.$/)
      const plain = member.type !== 'string' || member.default !== undefined
      if (!plain) expect(member.examples?.length).toBeGreaterThan(0)
    },
  )
})

describe('docs/hufud.example.yaml', () => {
  const secrets = Object.fromEntries(
    providerSecrets.map(name => [name, name.endsWith('AES_KEY') ? 'k'.repeat(43) : 'a'.repeat(32)]),
  )

  test('is loaded, and with secrets all of it is on', async () => {
    const config = await folder.load(example, secrets)
    expect(config.off).toEqual([])
    expect(config.warnings).toEqual([])
    expect(config).toMatchObject({ email: {}, sms: { aliyun: {}, tencent: {}, twilio: {} }, wechat: {}, metrics: {} })
    expect(example.split('\n')[0]).toBe('# yaml-language-server: $schema=hufud-config.schema.json')
  })

  test('without secrets it is loaded, and says what is off', async () => {
    const { off } = await folder.load(example)
    expect(off.map(({ provider }) => provider)).toEqual(['smtp', 'aliyun', 'tencent', 'twilio', 'wechat'])
  })

  test('has every member, if only in a comment', () => {
    for (const [path] of membersOf(ConfigFile as Schema)) expect(example).toContain(`${path.split('.').at(-1)}:`)
  })

  test('has the defaults where it says so', () => {
    const defaults = new Map([...membersOf(ConfigFile as Schema)].map(([path, member]) => [path, member.default]))
    const values: unknown = parse(example)
    let checked = 0
    const walk = (value: unknown, path: string) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        const name = path.split('.').at(-1)
        if (!defaults.get(path) || !new RegExp(`^ *${name}: .*# default$`, 'm').test(example)) return
        checked++
        expect(value, path).toEqual(defaults.get(path))
      } else for (const [name, member] of Object.entries(value)) walk(member, path === '' ? name : `${path}.${name}`)
    }
    walk(values, '')
    expect(checked).toBeGreaterThan(10)
  })
})

test('docs/operations.md names every secret', () => {
  const text = doc('operations.md')
  expect(providerSecrets.filter(name => !text.includes(name))).toEqual([])
})
