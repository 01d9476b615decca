import { readFileSync, statSync } from 'node:fs'
import { nearest } from '../../lib/nearest.ts'
import { type Mistakes, unreadable } from './mistakes.ts'
import { providerSecrets, type SecretName, settingNames } from './secret-names.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What a secret must look like, and how that is said. */
export interface SecretShape {
  readonly pattern: RegExp
  readonly expected: string
}

/** A secret, or why there is none, in words for the operator that never show it. */
export type Secret =
  | { readonly value: string; readonly off?: undefined }
  | { readonly value?: undefined; readonly off: string; readonly missing?: SecretName }

const anySecret: SecretShape = { pattern: /^[^\p{Cc}]{1,4096}$/u, expected: 'one line of text is expected' }

/** The secrets of the environment, and of the files that it names. */
export interface Secrets {
  /** The secret, where it is set and well formed. */
  read(name: SecretName, shape?: SecretShape): Secret
  /** Whether anything at all is said of it. */
  isGiven(name: SecretName): boolean
  /** What an operator should look at: files that others can read, variables that nothing reads. */
  readonly warnings: readonly string[]
}

const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown'

/** Whether everybody on this machine can use a file, its group apart: the service's own may be meant to. */
export const isReadByAll = (file: string): boolean =>
  process.platform !== 'win32' && (statSync(file).mode & 0o007) !== 0

/**
 * @param mistakes is told of a secret that is given twice
 */
export function openSecrets(env: Environment, mistakes: Mistakes): Secrets {
  const warnings: string[] = []
  for (const name of ['HUFUD_DATABASE', 'HUFUD_SECRET_KEY', ...providerSecrets]) {
    if (env[name] && env[`${name}_FILE`]) {
      mistakes.addAt(undefined, name, `${name} and ${name}_FILE are both set. Set one of them.`)
    }
  }
  warnings.push(...unknownVariables(env))

  function fromFile(name: SecretName, file: string): Secret {
    try {
      const status = statSync(file)
      if (!status.isFile()) return { off: `${name}_FILE names something that is no file.` }
      if (isReadByAll(file)) {
        warnings.push(`Every user of this machine can read the file that ${name}_FILE names. Run: chmod o= FILE`)
      }
      return { value: readFileSync(file, 'utf8').trim() }
    } catch (error) {
      return { off: `${name}_FILE names a file that ${unreadable(errorCode(error))}.` }
    }
  }

  return {
    warnings,
    isGiven: name => Boolean(env[name] || env[`${name}_FILE`]),
    read(name, { pattern, expected } = anySecret) {
      const file = env[`${name}_FILE`]
      const secret: Secret = file ? fromFile(name, file) : { value: env[name] ?? '' }
      if (secret.off !== undefined) return secret
      if (secret.value === '') {
        if (file) return { off: `The file that ${name}_FILE names is empty.` }
        return { off: `${name} is missing. Set it, or ${name}_FILE to a file that holds it.`, missing: name }
      }
      return pattern.test(secret.value) ? secret : { off: `${name} is malformed: ${expected}.` }
    },
  }
}

function unknownVariables(env: Environment): string[] {
  const known = settingNames.flatMap(name => [name, `${name}_FILE`])
  return Object.keys(env)
    .filter(name => /^HUFUD_\w{1,64}$/.test(name) && env[name] && !known.includes(name))
    .map(name => {
      const near = nearest(name, known)
      return `${name} is set, and means nothing to hufud${near ? `; is ${near} meant?` : '.'}`
    })
}
