import { createHash } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BulkError, systemCode, UnreadableError } from './error.ts'

const chunkBytes = 256 * 1024

/** What a file was when its bytes were read. */
export interface FileDigest {
  /** Hexadecimal. */
  readonly sha256: string
  /** In bytes. */
  readonly size: number
}

/** The bytes of one file, as often as they are asked for. */
export interface Source {
  /** As the person named it. */
  readonly name: string
  readonly device: number
  readonly inode: number
  readonly size: number
  /**
   * All bytes from the first on, in chunks whose memory is used again for the next.
   * @param onEnd is given the digest of what was read
   * @throws {BulkError} `bulk_file_changed` when the file is another by now, or becomes one meanwhile
   */
  chunks(onEnd?: (digest: FileDigest) => void): AsyncGenerator<Buffer>
  close(): Promise<void>
}

type Identity = Pick<Stats, 'dev' | 'ino' | 'size' | 'mtimeMs'>

const sameIdentity = (a: Identity, b: Identity): boolean =>
  a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs

/** How a file differs from what it was, in one stable word for the sentence about it. */
function differenceOf(before: Identity, after: Identity | undefined): string {
  if (!after || before.dev !== after.dev || before.ino !== after.ino) return 'replaced'
  if (after.size !== before.size) return after.size < before.size ? 'shrank' : 'grew'
  return 'changed'
}

function sourceOver(name: string, handle: FileHandle, identity: Identity, look: () => Promise<Identity | undefined>) {
  const verifySame = async () => {
    const now = await look()
    if (now && sameIdentity(identity, now)) return
    throw new BulkError('bulk_file_changed', { file: name, how: differenceOf(identity, now) })
  }
  async function* chunks(onEnd?: (digest: FileDigest) => void): AsyncGenerator<Buffer> {
    await verifySame()
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(chunkBytes)
    let position = 0
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, chunkBytes, position)
      if (bytesRead === 0) break
      position += bytesRead
      const chunk = buffer.subarray(0, bytesRead)
      hash.update(chunk)
      yield chunk
    }
    await verifySame()
    onEnd?.({ sha256: hash.digest('hex'), size: position })
  }
  const close = () => handle.close()
  return { name, device: identity.dev, inode: identity.ino, size: identity.size, chunks, close } satisfies Source
}

/**
 * Opens a regular file; anything else could not be read twice.
 * @throws {UnreadableError} and {BulkError} `bulk_not_a_file`
 */
export async function openSource(path: string): Promise<Source> {
  let handle: FileHandle | undefined
  try {
    // What is no file is never opened: a FIFO would wait for its writer.
    const before = await stat(path)
    if (before.isFile()) handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    throw new UnreadableError(path, error)
  }
  const status = await handle?.stat()
  if (!handle || !status?.isFile()) {
    await handle?.close()
    throw new BulkError('bulk_not_a_file', { file: path })
  }
  return sourceOver(path, handle, status, () => stat(path).catch(() => undefined))
}

/** Keeps what stdin gives in a file that only this user can read, and that is gone with this process at the latest. */
export async function spoolSource(input: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Source> {
  const folder = await mkdtemp(join(tmpdir(), 'hufu-rebind-'))
  const path = join(folder, 'stdin')
  const remove = () => rm(folder, { recursive: true, force: true })
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'wx+', 0o600)
    // Where an open file can be removed it has no name from here on, so that no end of this process leaves it behind.
    await remove().catch(error => {
      if (!['EBUSY', 'EPERM', 'ENOTEMPTY'].includes(systemCode(error))) throw error
    })
    for await (const chunk of input) {
      signal.throwIfAborted()
      await handle.appendFile(chunk)
    }
    const opened = handle
    const source = sourceOver('-', opened, await opened.stat(), () => opened.stat())
    return { ...source, close: () => opened.close().finally(remove) }
  } catch (error) {
    await handle?.close()
    await remove()
    throw error
  }
}
