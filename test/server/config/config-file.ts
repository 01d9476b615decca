import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '../../../src/server/config/config-error.ts'
import { type Config, readConfig } from '../../../src/server/config/load-config.ts'

/** A folder with configuration files, gone when it is closed. */
export interface ConfigFolder {
  readonly path: string
  /** Writes a file that its owner alone reads, unless `mode` says otherwise; returns its path. */
  write(name: string, content: string | Uint8Array, mode?: number): string
  load(yaml: string | Uint8Array, env?: Readonly<Record<string, string>>): Promise<Config>
  /** The mistakes of a file, each a line, without the folder. */
  mistakesOf(yaml: string | Uint8Array, env?: Readonly<Record<string, string>>): Promise<string[]>
  close(): void
}

export function openConfigFolder(): ConfigFolder {
  const path = mkdtempSync(join(tmpdir(), 'hufud-config-'))
  const folder: ConfigFolder = {
    path,
    write(name, content, mode = 0o600) {
      const file = join(path, name)
      writeFileSync(file, content)
      chmodSync(file, mode)
      return file
    },
    load: (yaml, env = {}) => readConfig({ config: folder.write('hufud.yaml', yaml) }, { HOME: path, ...env }),
    async mistakesOf(yaml, env) {
      try {
        await folder.load(yaml, env)
        return []
      } catch (error) {
        if (error instanceof ConfigError) return error.message.replaceAll(`${path}/`, '').split('\n')
        throw error
      }
    },
    close: () => rmSync(path, { recursive: true, force: true }),
  }
  return folder
}
