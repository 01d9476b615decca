import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const tests = join(import.meta.dirname, '..')
const root = join(tests, '..')
/** What asks for a database by it gets the one that the project is for. */
const choice = join(import.meta.dirname, 'database.ts')

const importsOf = (file: string): string[] =>
  Array.from(readFileSync(file, 'utf8').matchAll(/from '(\.[^']+\.ts)'/g), ([, path = '']) => join(dirname(file), path))

/** Whether `file` imports the choice of the database, or something that does. @param seen files on the way to it */
function reachesChoice(file: string, seen = new Set<string>()): boolean {
  if (file === choice) return true
  if (seen.has(file) || !file.startsWith(tests)) return false
  seen.add(file)
  return importsOf(file).some(imported => reachesChoice(imported, seen))
}

/** The files of tests for which it matters what the data is kept in; those of the virtual machine have one of their own. */
export const databaseTests = (): string[] =>
  readdirSync(tests, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.test.ts') && !name.startsWith('hidraw/'))
    .map(name => join(tests, name))
    .filter(file => reachesChoice(file))
    .map(file => relative(root, file))
    .sort()
