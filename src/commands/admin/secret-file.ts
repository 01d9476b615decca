import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { CommandError } from '../command-error.ts'

function unwritable(file: string, error: unknown): CommandError {
  if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
    return new CommandError('output_exists', { file }, { cause: error })
  }
  const reason = error instanceof Error ? error.message : String(error)
  return new CommandError('output_unwritable', { file, reason }, { cause: error })
}

/**
 * Makes a file that only its owner can read, has `make` come by a secret, and writes that into it as one line. The file
 * is there before the secret is, which would be lost if it could not be written; where there is no secret in the end,
 * there is no file either.
 * @param textOf the secret in what was made
 * @throws {CommandError} `output_unwritable`; `output_exists`, and then whatever is in it stays
 */
export async function intoSecretFile<T>(file: string, make: () => Promise<T>, textOf: (made: T) => string): Promise<T> {
  let descriptor: number
  try {
    descriptor = openSync(file, 'wx', 0o600)
  } catch (error) {
    throw unwritable(file, error)
  }
  const write = (text: string) => {
    try {
      writeSync(descriptor, text)
    } catch (error) {
      throw unwritable(file, error)
    }
  }
  try {
    const made = await make()
    write(`${textOf(made)}\n`)
    return made
  } catch (error) {
    rmSync(file, { force: true })
    throw error
  } finally {
    closeSync(descriptor)
  }
}
