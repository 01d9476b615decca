import { constants } from 'node:fs'
import { link, open, readFile, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { toHex } from '../lib/bytes.ts'
import type { Random } from '../lib/random.ts'
import { BulkError, systemCode } from './error.ts'

interface Holder {
  readonly pid: number
  readonly host: string
  /** What tells a process from a later one of the same number, where the system tells it. */
  readonly started: string
}

/** The fields of Linux's /proc/PID/stat from the third on; none where the system has no such file. */
async function statusOf(pid: number): Promise<string[]> {
  try {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8')
    return status.slice(status.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

/** When a process was started, in the system's own measure: field 22. */
const startOf = async (pid: number): Promise<string> => (await statusOf(pid))[19] ?? ''

/** Whether a process has ended, and its parent has not asked how: a signal still finds it. */
const isZombie = async (pid: number): Promise<boolean> => (await statusOf(pid))[0] === 'Z'

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) !== 'ESRCH'
  }
}

function holderOf(text: string): Holder | undefined {
  try {
    const { pid, host, started } = JSON.parse(text) as Partial<Holder>
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof started !== 'string') return undefined
    return { pid, host, started }
  } catch {
    return undefined
  }
}

/** Whether whoever wrote a lock is certainly gone. On another machine nobody can tell. */
async function isGone(holder: Holder | undefined): Promise<boolean> {
  // A lock is written in one go: one that is not whole was left by a crash of the machine.
  if (!holder) return true
  if (holder.host !== hostname()) return false
  if (!isAlive(holder.pid) || (await isZombie(holder.pid))) return true
  return holder.started !== '' && holder.started !== (await startOf(holder.pid))
}

/**
 * Takes the lock of a journal for this process.
 * @returns how to let it go
 * @throws {BulkError} `bulk_journal_locked` while another process has it
 */
export async function takeLock(journal: string, random: Random): Promise<() => Promise<void>> {
  const path = `${journal}.lock`
  const own = `${path}.${toHex(random.bytes(6))}`
  const text = JSON.stringify({ pid: process.pid, host: hostname(), started: await startOf(process.pid) })
  try {
    const handle = await open(own, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    await handle.writeFile(text).finally(() => handle.close())
  } catch (error) {
    throw new BulkError('bulk_journal_unwritable', { file: own, reason: systemCode(error) }, { cause: error })
  }
  try {
    // A link appears with all of its content, or not at all.
    for (let tries = 0; tries < 3; tries++) {
      try {
        await link(own, path)
        return () => rm(path, { force: true })
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error
      }
      await removeStale(path, own)
    }
    throw new BulkError('bulk_journal_locked', { file: path, pid: 0 })
  } finally {
    await rm(own, { force: true })
  }
}

/** Takes a lock away whose holder is gone. @throws {BulkError} `bulk_journal_locked` where it is not */
async function removeStale(path: string, own: string): Promise<void> {
  const seen = await readFile(path, 'utf8').catch(() => undefined)
  if (seen === undefined) return
  const holder = holderOf(seen)
  if (!(await isGone(holder))) throw new BulkError('bulk_journal_locked', { file: path, pid: holder?.pid ?? 0 })
  // Two may find it stale at once: what was moved away is looked at again, and put back where it is another by now.
  const aside = `${own}.stale`
  await rename(path, aside).catch(() => undefined)
  const moved = await readFile(aside, 'utf8').catch(() => undefined)
  if (moved !== undefined && moved !== seen) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}
