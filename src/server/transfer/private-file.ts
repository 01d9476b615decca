import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { toHex } from '../../lib/bytes.ts'
import type { Random } from '../../lib/random.ts'
import { TransferError } from './transfer-error.ts'

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder',
  EACCES: 'this user may not write there',
  EISDIR: 'it is a folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
}

function refused(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'EEXIST') {
    return new TransferError(`${path} is there already. Name another file, or say --force to replace it.`)
  }
  const reason = reasons[code] ?? code
  return code === '' ? error : new TransferError(`${path} can’t be written: ${reason}.`, { cause: error })
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

async function makeDurable(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/**
 * Writes a file that its owner alone can read. Under its name it is there whole, or not at all.
 * @param options `replace`: whether one that is there gives way
 * @throws {TransferError} when there is one, or it can't be written
 */
export async function writePrivateFile<T>(
  path: string,
  { replace, random }: { readonly replace: boolean; readonly random: Random },
  body: (write: (text: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  if (!replace && (await isThere(path))) throw refused(path, Object.assign(new Error(), { code: 'EEXIST' }))
  const beside = `${path}.${toHex(random.bytes(6))}.part`
  let handle: FileHandle | undefined
  try {
    handle = await open(beside, 'wx', 0o600)
    const file = handle
    const result = await body(async text => {
      await file.writeFile(text)
    })
    await file.sync()
    await file.close()
    handle = undefined
    // A link is refused where there is a file by now; a new name would replace it.
    if (replace) await rename(beside, path)
    else await link(beside, path)
    await makeDurable(path)
    return result
  } catch (error) {
    throw refused(path, error)
  } finally {
    await handle?.close()
    await rm(beside, { force: true })
  }
}
