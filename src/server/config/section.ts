import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { printable } from '../../lib/printable.ts'
import type { MethodOff } from './config.ts'
import { type MemberPath, type Mistakes, unreadable } from './mistakes.ts'
import type { Secret, Secrets } from './secrets.ts'

/** What the sections of the file are read with. */
export interface SectionReader {
  readonly mistakes: Mistakes
  readonly secrets: Secrets
  /** That of the configuration file, for the files that it names. */
  readonly folder: string
  /** Where people reach this server. */
  readonly origin: string
  /** Told of what is configured and can't work. */
  readonly off: MethodOff[]
  /** Told of what works and should be looked at. */
  readonly warnings: string[]
}

/** The values of secrets, or `undefined` after telling that `provider` is off, and why. */
export function allOrOff<Name extends string>(
  secrets: Readonly<Record<Name, Secret>>,
  about: Pick<MethodOff, 'method' | 'provider'>,
  off: MethodOff[],
): Readonly<Record<Name, string>> | undefined {
  const reason = reasonFor(Object.values<Secret>(secrets))
  if (reason !== '') {
    off.push({ ...about, reason })
    return undefined
  }
  const values = Object.entries<Secret>(secrets).map(([name, { value }]) => [name, value])
  return Object.fromEntries(values) as Record<Name, string>
}

/** Why not all of these secrets can be used; empty where they can. */
function reasonFor(secrets: readonly Secret[]): string {
  const unusable = secrets.filter(({ off }) => off !== undefined)
  const missing = unusable.flatMap(secret => ('missing' in secret ? secret.missing : []))
  if (missing.length < 2) return unusable.map(({ off }) => off).join(' ')
  const names = `${missing.slice(0, -1).join(', ')} and ${missing.at(-1)}`
  const others = unusable.filter(secret => !('missing' in secret)).map(({ off }) => off)
  return [`${names} are missing. Set each, or the name with _FILE to a file that holds it.`, ...others].join(' ')
}

/** The text of a file that a member names, or `undefined` after telling why there is none. */
export function readNamedFile(path: MemberPath, name: string, { folder, mistakes }: SectionReader): string | undefined {
  if (name.includes('-----BEGIN ')) {
    mistakes.add(path, 'this is the file’s content; its name is expected.')
    return undefined
  }
  try {
    return readFileSync(resolve(folder, name), 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    mistakes.add(path, `this file ${unreadable(code)}. A name counts from ${printable(resolve(folder))}.`)
    return undefined
  }
}
