import { createReadStream } from 'node:fs'
import { printable } from '../../lib/printable.ts'
import { openDatabaseToExport, openDatabaseToImport, transferSchema } from '../app.ts'
import { ConfigError } from '../config/config-error.ts'
import { type Config, type ConfigOptions, readConfig } from '../config/load-config.ts'
import type { SystemContext } from '../context.ts'
import { createSecretKeys } from '../domain/secret-keys.ts'
import { requireSecretKey } from '../secret-key-file.ts'
import { exportAll } from './export.ts'
import { importAll } from './import.ts'
import { writePrivateFile } from './private-file.ts'
import { createProgress } from './progress.ts'
import { TransferError } from './transfer-error.ts'

export interface ExportOptions extends ConfigOptions {
  readonly output?: string
  readonly force?: true
}

const keyReminder =
  'The secret key is not in it: whoever imports it needs the same HUFUD_SECRET_KEY or HUFUD_SECRET_KEY_FILE.\n'

const keysOf = (config: Config, { random }: SystemContext) =>
  createSecretKeys(requireSecretKey(config.secretKey), random)

/** What a database or a file has against us, as one sentence. */
function asTransferError(what: string, error: unknown): unknown {
  if (error instanceof TransferError || error instanceof ConfigError) return error
  if (!(error instanceof Error)) return error
  return new TransferError(`${what}: ${printable(error.message) || error.name}.`, { cause: error })
}

/** `hufud export`. @throws {TransferError} @throws {ConfigError} */
export async function runExport(options: ExportOptions, context: SystemContext): Promise<void> {
  const { output, force = false } = options
  if (output === undefined && context.stdoutIsTerminal) {
    throw new ConfigError('This is a terminal, and an export is long and full of secrets. Give --output FILE.')
  }
  const config = await readConfig(options, context.env)
  const keys = keysOf(config, context)
  const database = await openDatabaseToExport(config).catch(error => {
    throw asTransferError('the database can’t be opened', error)
  })
  const progress = createProgress(context.clock, context.stderr, 'exported')
  try {
    const writeAll = (write: (text: string) => Promise<void>) =>
      exportAll({ database, keys, write, progress, stop: context.stop })
    const rows =
      output === undefined
        ? await writeAll(context.write)
        : await writePrivateFile(output, { replace: force, random: context.random }, writeAll)
    context.stderr(`exported ${rows} rows. ${keyReminder}`)
  } catch (error) {
    throw asTransferError('the export failed', error)
  } finally {
    await database.close()
  }
}

async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 })
  } catch (error) {
    throw asTransferError(`${path} can’t be read`, error)
  }
}

/** `hufud import`. @throws {TransferError} @throws {ConfigError} */
export async function runImport(file: string, options: ConfigOptions, context: SystemContext): Promise<void> {
  const config = await readConfig(options, context.env)
  const keys = keysOf(config, context)
  const openDatabase = () =>
    openDatabaseToImport(config, context.clock).catch(error => {
      throw asTransferError('the database can’t be opened', error)
    })
  try {
    const rows = await importAll({
      chunks: file === '-' ? context.stdin : readFile(file),
      keys,
      openDatabase,
      schema: await transferSchema(),
      progress: createProgress(context.clock, context.stderr, 'read'),
      stop: context.stop,
    })
    context.stderr(`imported ${rows} rows; the database holds what the file says, by its digests.\n`)
  } catch (error) {
    const refused = asTransferError('the import failed', error)
    if (refused instanceof TransferError)
      throw new TransferError(`${refused.message} Nothing was written.`, { cause: error })
    throw refused
  }
}
