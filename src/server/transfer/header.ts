import { equalBytes, utf8 } from '../../lib/bytes.ts'
import type { TransferDatabase } from '../domain/ports/transfer.ts'
import type { SecretKeys } from '../domain/secret-keys.ts'
import { format, formatVersion, type Header, headerText, keyCheck } from './frame.ts'
import { TransferError } from './transfer-error.ts'

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(one => typeof one === 'string')

function parse(text: string): Header {
  let value: Partial<Header> | null = null
  try {
    value = JSON.parse(text)
  } catch {
    // Said below.
  }
  const { version, migrations, tables, secret_key: secretKey } = value ?? {}
  if (value?.format !== format) throw new TransferError('line 1: this file was not written by hufud export.')
  if (version !== formatVersion) {
    throw new TransferError(
      `line 1: the file is of version ${JSON.stringify(version)}, and this hufud reads version ${formatVersion}. Import it with the hufud that wrote it.`,
    )
  }
  if (!isTexts(migrations) || !isTexts(tables) || typeof secretKey !== 'string') {
    throw new TransferError('line 1: this is not the first line of an export: it was changed.')
  }
  return { format, version, migrations, tables, secret_key: secretKey }
}

/**
 * Judges the first line of a file.
 * @throws {TransferError} when it is not an export of this format, of these migrations, under this secret key
 */
export function requireHeader(
  text: string,
  schema: Pick<TransferDatabase, 'tables' | 'migrations'>,
  keys: Pick<SecretKeys, 'hashText'>,
): void {
  const header = parse(text)
  const unknown = header.migrations.filter(name => !schema.migrations.includes(name))
  if (unknown.length > 0) {
    throw new TransferError(
      `line 1: the file is of a newer hufud, whose migration ${unknown[0]} this one does not know. Import it with that one.`,
    )
  }
  const missing = schema.migrations.filter(name => !header.migrations.includes(name))
  if (missing.length > 0) {
    throw new TransferError(
      `line 1: the file is of an older hufud, which had no migration ${missing[0]}. Import it with that one and let this one bring the database up to date, or export it again.`,
    )
  }
  if (!equalBytes(utf8(header.secret_key), utf8(keyCheck(keys)))) {
    throw new TransferError(
      'line 1: the file was written under another secret key. Set HUFUD_SECRET_KEY or HUFUD_SECRET_KEY_FILE to the key of the hufud that exported it: without it nothing that is encrypted could be read.',
    )
  }
  if (text !== headerText(schema, keys)) {
    throw new TransferError('line 1: this is not the first line of an export: it was changed.')
  }
}
