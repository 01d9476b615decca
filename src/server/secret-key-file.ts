import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { fromBase64url, toBase64url } from '../lib/base64url.ts'
import type { Random } from '../lib/random.ts'
import type { Config } from './config/config.ts'
import { ConfigError } from './config/config-error.ts'

function parseKey(text: string, where: string): Uint8Array {
  try {
    const key = fromBase64url(text.trim())
    if (key.length === 32) return key
  } catch {
    // Said below, without the text.
  }
  throw new ConfigError(`${where} holds no key: 32 bytes in base64url, 43 characters, are expected.`)
}

/**
 * The server's 32-byte key, from the environment or a file. A file is made on first start, readable by its owner alone,
 * unless processes elsewhere must have the same; of two processes that start at once, one makes it.
 * @throws {ConfigError} when it is malformed, or others can read it.
 */
export function loadSecretKey(source: Config['secretKey'], random: Random): Uint8Array {
  if ('text' in source) return parseKey(source.text, 'HUFUD_SECRET_KEY')
  const { file, isShared = false } = source
  if (isShared && !existsSync(file)) {
    throw new ConfigError(
      `The key file ${file} does not exist, and all processes must have the same. Copy it here, or, for the first of them, make it: (umask 077; openssl rand 32 | basenc --base64url | tr -d = > ${file})`,
    )
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    const descriptor = openSync(file, 'wx', 0o600)
    writeSync(descriptor, `${toBase64url(random.bytes(32))}\n`)
    fsyncSync(descriptor)
    closeSync(descriptor)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
      throw new ConfigError(`The key file ${file} can't be made: ${error instanceof Error ? error.message : error}`)
    }
  }
  return readKeyFile(file)
}

/**
 * The server's 32-byte key, which must be there: a new one would open nothing that was sealed before.
 * @throws {ConfigError} when it is missing or malformed, or others can read it.
 */
export function requireSecretKey(source: { file: string } | { text: string }): Uint8Array {
  if ('text' in source) return parseKey(source.text, 'HUFUD_SECRET_KEY')
  if (!existsSync(source.file)) {
    throw new ConfigError(
      `There is no key file ${source.file}. Set HUFUD_SECRET_KEY, or HUFUD_SECRET_KEY_FILE to the file of the hufud whose data this is.`,
    )
  }
  return readKeyFile(source.file)
}

function readKeyFile(file: string): Uint8Array {
  if ((statSync(file).mode & 0o077) !== 0 && process.platform !== 'win32') {
    throw new ConfigError(`Others can read the key file ${file}. Run: chmod 600 ${file}`)
  }
  return parseKey(readFileSync(file, 'utf8'), file)
}
