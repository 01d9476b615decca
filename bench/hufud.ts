import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addAccounts, type BenchAccounts } from './accounts.ts'
import { fromRoot, type Server, startHufud } from './processes.ts'

/** Databases lie beside the code, on the disk that it lies on: a temporary folder may be memory. */
export const withFolder = async <T>(work: (folder: string) => Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(fromRoot('.bench'), 'run-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export interface BenchServer extends BenchAccounts {
  readonly url: string
  /** The origin that people and keys see. */
  readonly origin: string
  /** The file of its database. */
  readonly database: string
  readonly server: Server
}

/**
 * A hufud on a database with `count` accounts. It takes the source of a request from `X-Forwarded-For`.
 * @param settings what else its configuration file has
 */
export const withHufud = <T>(
  count: number,
  work: (server: BenchServer) => Promise<T>,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<T> =>
  withFolder(async folder => {
    const database = join(folder, 'hufud.db')
    const config = join(folder, 'hufud.json')
    writeFileSync(config, JSON.stringify({ trusted_proxies: ['127.0.0.1'], ...settings }))
    const accounts = await addAccounts(`sqlite:${database}`, count)
    const server = await startHufud(['--config', config, '--database', `sqlite:${database}`, '--port', '0'])
    try {
      const { address, url } = server.listening
      return await work({ ...accounts, server, database, url: String(address), origin: String(url) })
    } finally {
      await server.stop()
    }
  })
