import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'

const root = new URL('../../', import.meta.url).pathname

/** When a file of `folder` was last changed. */
function newest(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  return Math.max(...entries.map(entry => statSync(join(entry.parentPath, entry.name)).mtimeMs))
}

function builtAt(): number {
  try {
    return Math.min(...['dist/hufu.cjs', 'dist/hufud.cjs'].map(name => statSync(join(root, name)).mtimeMs))
  } catch {
    return 0
  }
}

/** Builds dist/ before the tests that run it, unless it is as new as its sources. */
export default async function buildDist(): Promise<void> {
  const changedAt = Math.max(...['src', 'bin', 'scripts'].map(folder => newest(join(root, folder))))
  if (changedAt > builtAt()) await execa(process.execPath, ['scripts/build.mjs'], { cwd: root })
}
