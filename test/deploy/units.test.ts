import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hufudExecutable } from '../support/hufu.ts'

function lacksSystemd(): boolean {
  if (spawnSync('systemd-analyze', ['--version']).status === 0) return false
  const words = 'there is no systemd-analyze. On Debian: apt-get install systemd'
  if (process.env.CI === 'true') throw new Error(words)
  console.warn(`Skipped: ${words}`)
  return true
}

const shipped = (name: string) => readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8')
const units = ['hufud.service', 'hufud@.service'] as const

/** The values of a setting. */
const valuesOf = (unit: string, name: string) =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, v]) => v)

describe.skipIf(lacksSystemd())('systemd', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hufu-units-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** The unit where systemd finds all that it names. */
  function placed(name: (typeof units)[number]): string {
    const path = join(folder, name.replace('@', '@8421'))
    const text = shipped(name)
      .replaceAll('/usr/bin/node', process.execPath)
      .replaceAll('/usr/bin/curl', '/bin/true')
      .replaceAll('/opt/hufu/dist/hufud.cjs', hufudExecutable)
    writeFileSync(path, text)
    return path
  }

  it.each(units)('finds nothing wrong with %s', name => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', placed(name)], {
      encoding: 'utf8',
    })
    expect([status, stdout, stderr]).toEqual([0, '', ''])
  })

  it.each(units)('finds %s hardly exposed', name => {
    // In tenths: 20 is 2.0 of 10.
    const run = spawnSync('systemd-analyze', ['security', '--offline=yes', '--threshold=20', placed(name)], {
      encoding: 'utf8',
    })
    expect(run.status, run.stdout).toBe(0)
  })
})

describe.each(units)('%s', name => {
  const unit = shipped(name)

  it('has its secrets by credentials, and none in the environment', () => {
    const credentials = valuesOf(unit, 'LoadCredential').map(value => value?.split(':')[0])
    expect(credentials).toContain('secret-key')
    const secrets = valuesOf(unit, 'Environment').filter(value =>
      /SECRET|PASSWORD|TOKEN|DATABASE_FILE/.test(value ?? ''),
    )
    expect(secrets.length).toBe(credentials.length)
    for (const value of secrets) {
      const [, credential] = /^HUFUD_\w+_FILE=%d\/([\w-]+)$/.exec(value ?? '') ?? []
      expect(credentials, value).toContain(credential)
    }
  })

  it.each([
    [0, 0],
    [5, 0],
    [2, 1],
    [1, 1],
  ])('a check of the configuration that ends with %i lets it start: %i', (checked, expected) => {
    const [command = ''] = valuesOf(unit, 'ExecStartPre')
    const [, script = ''] = /^\/bin\/sh -c '(.*)'$/.exec(command ?? '') ?? []
    // systemd writes `$` for `$$`.
    const run = script.replaceAll('$$', '$').replace(/\/usr\/bin\/node \S+ check-config/, `sh -c "exit ${checked}"`)
    expect(spawnSync('/bin/sh', ['-c', run]).status).toBe(expected)
  })
})

it('the units differ in the database and the port alone', () => {
  const settings = (name: string) =>
    shipped(name)
      .split('\n')
      .filter(line => /^[A-Z]\w+=/.test(line))
  const [alone, several] = [settings('hufud.service'), settings('hufud@.service')]
  const own = (from: string[], other: string[]) =>
    from.filter(line => !other.includes(line)).map(line => line.split('=')[0])
  expect(own(alone, several)).toEqual([
    'Description',
    'After',
    'StateDirectory',
    'StateDirectoryMode',
    'Environment',
    'ExecStartPost',
  ])
  expect(own(several, alone)).toEqual([
    'Description',
    'After',
    'Environment',
    'Environment',
    'LoadCredential',
    'ExecStartPost',
  ])
})
