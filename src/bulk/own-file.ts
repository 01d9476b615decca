import { constants } from 'node:fs'
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises'
import { BulkError, systemCode } from './error.ts'

const noFollow = constants.O_NOFOLLOW ?? 0

const placeTaken = (path: string): BulkError => new BulkError('bulk_place_taken', { file: path })

/**
 * Makes a file that only this user can read, in the place of one that stands there: whoever has that open, or has it
 * under another name, sees nothing of the new one.
 * @throws {BulkError} `bulk_place_taken` where something else stands there: a link, a folder, a device
 * @throws what the system says
 */
export async function createOwnFile(path: string): Promise<FileHandle> {
  const status = await lstat(path).catch(error => {
    if (systemCode(error) !== 'ENOENT') throw error
    return undefined
  })
  if (status) {
    if (!status.isFile()) throw placeTaken(path)
    await unlink(path)
  }
  return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | noFollow, 0o600)
}

/**
 * Opens such a file to go on with it.
 * @throws as `createOwnFile`
 */
export async function openOwnFile(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDWR | constants.O_NONBLOCK | noFollow).catch(error => {
    throw systemCode(error) === 'ELOOP' ? placeTaken(path) : error
  })
  try {
    const status = await handle.stat()
    if (!status.isFile()) throw placeTaken(path)
    if ((status.mode & 0o077) !== 0) await handle.chmod(0o600)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}
