import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, it } from 'vitest'
import { takeLock } from '../../src/bulk/lock.ts'
import { systemRandom } from '../../src/lib/random.ts'

const journal = () => join(mkdtempSync(join(tmpdir(), 'hufu-lock-')), 'journal')
const lockOf = (path: string, pid: number) =>
  writeFileSync(`${path}.lock`, JSON.stringify({ pid, host: hostname(), started: '' }))

it('of a process that is alive is kept', async () => {
  const path = journal()
  lockOf(path, process.ppid)
  await expect(takeLock(path, systemRandom)).rejects.toMatchObject({ code: 'bulk_journal_locked' })
})

it.skipIf(!existsSync('/proc/self/stat'))('of one that has ended, and was not waited for, is taken', async () => {
  // sleep takes the shell's place, and never asks how the shell's child has ended.
  const parent = execa('sh', ['-c', 'sleep 0 & echo $!; exec sleep 20'], { reject: false })
  const [line] = await new Promise<string[]>(resolve => {
    parent.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().split('\n')))
  })
  const path = journal()
  lockOf(path, Number(line))
  await expect.poll(() => takeLock(path, systemRandom).catch(() => undefined)).toBeTypeOf('function')
  parent.kill()
  await parent
})
