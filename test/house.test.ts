// The dependency rule is only worth something if it catches what it forbids: each case here plants one import, asks
// the checker, and takes it away again.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = new URL('..', import.meta.url).pathname
let copy: string

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'hufu-house-'))
  for (const name of ['src', 'bin', 'biome.json', '.dependency-cruiser.cjs', 'tsconfig.json', 'package.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
})

afterAll(() => rmSync(copy, { recursive: true, force: true }))

const cruise = () =>
  execa('node_modules/.bin/depcruise', ['--config', '.dependency-cruiser.cjs', 'src', 'bin'], {
    cwd: copy,
    reject: false,
  })

const forbidden: [file: string, imports: string, rule: RegExp][] = [
  ['src/commands/canary.ts', "import 'inquirer'", /inquirer-only-in-its-place/],
  ['src/commands/canary.ts', "import '../api/create-client.ts'\nimport '../cli/program.ts'", /commands-/],
  ['src/commands/canary.ts', "import '../hid/index.ts'", /hid-only-in-commands-key/],
  ['src/commands/canary.ts', "import '../server/config/load-config.ts'", /commands-imports-only/],
  ['src/auth/canary.ts', "import '../hid/device.ts'", /auth-imports-only/],
  ['src/auth/canary.ts', "import '../cli/context.ts'", /auth-imports-only/],
  ['src/api/canary.ts', "import '../auth/errors.ts'", /api-imports-only/],
  ['src/hid/canary.ts', "import '../contract/problems.ts'", /hid-imports-only/],
  ['src/contract/canary.ts', "import 'node:fs'", /contract-imports-only-the-schema-library/],
  ['src/contract/canary.ts', "import '../lib/clock.ts'", /contract-imports-only/],
  ['src/lib/canary.ts', "import '../contract/problems.ts'", /lib-imports-only-itself/],
  ['src/simulators/canary.ts', "import '../hid/index.ts'", /simulators-imports-only/],
  ['src/server/canary.ts', "import '../cli/main.ts'", /server-imports-only/],
  ['src/server/canary.ts', "import '../simulators/outer-edge.ts'", /only-the-ephemeral-server/],
  ['src/server/canary.ts', "import '../server/providers/wechat/client.ts'", /only-the-composition-names/],
  ['src/server/routes/canary.ts', "import '../store/open-store.ts'", /routes-reach-the-store/],
  ['src/server/domain/canary.ts', "import '../store/open-store.ts'", /domain-knows-only-ports/],
  ['src/server/domain/canary.ts', "import 'kysely'", /kysely-only-in-its-place/],
  ['bin/canary.ts', "import '../src/lib/clock.ts'", /bin-imports-cli-and-server/],
]

describe('the dependency rule', () => {
  test('holds', async () => {
    const { exitCode, stdout } = await cruise()
    expect(stdout).toContain('no dependency violations found')
    // A checker that sees nothing also finds nothing.
    expect(Number(/(\d+) modules/.exec(stdout)?.[1])).toBeGreaterThan(100)
    expect(exitCode).toBe(0)
  })

  test('catches every forbidden import', async () => {
    const files = new Set<string>()
    for (const [file, imports] of forbidden) {
      const path = join(copy, file)
      mkdirSync(dirname(path), { recursive: true })
      const earlier = files.has(path) ? readFileSync(path, 'utf8') : ''
      writeFileSync(path, `${earlier}${imports}\n`)
      files.add(path)
    }
    const { exitCode, stdout } = await cruise()
    for (const path of files) rmSync(path)
    expect(exitCode).toBeGreaterThan(0)
    for (const [file, imports, rule] of forbidden) {
      const target =
        imports
          .split("'")
          .at(-2)
          ?.replace(/^(node:|(\.\.\/)+)/, '') ?? ''
      const lines = stdout.split('error ').filter(line => line.includes(`${file} →`) && line.includes(target))
      expect(lines.join('\n'), `${file}: ${imports}`).toMatch(rule)
    }
  })
})

describe('the linter', () => {
  test.each([
    ['src/commands/canary.ts', 'export const now = () => Date.now()', 'noRestrictedGlobals'],
    ['src/server/canary.ts', "export const get = () => fetch('http://localhost')", 'noRestrictedGlobals'],
    ['src/lib/canary.ts', 'export const take = (a: any) => a', 'noExplicitAny'],
  ])('refuses %s: %s', async (file, text, rule) => {
    writeFileSync(join(copy, file), `${text}\n`)
    const lint = ['lint', '--vcs-enabled=false', file]
    const { stdout, stderr, exitCode } = await execa('node_modules/.bin/biome', lint, { cwd: copy, reject: false })
    rmSync(join(copy, file))
    expect(stdout + stderr).toContain(rule)
    expect(exitCode).toBeGreaterThan(0)
  })
})

test('no file of the source is longer than 400 lines', () => {
  const long = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => ({ name, lines: readFileSync(join(root, 'src', name), 'utf8').split('\n').length }))
    .filter(({ lines }) => lines > 400)
  expect(long).toEqual([])
})

test('the lockfile names the optional packages of every platform: `npm ci` refuses one that does not', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>
  }
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      name => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`],
    ),
  )
  expect(missing).toEqual([])
})
