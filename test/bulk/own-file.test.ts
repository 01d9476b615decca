// Files that hold links by which somebody gets into an account.

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { createOwnFile, openOwnFile } from '../../src/bulk/own-file.ts'

let folder: string
const path = (name: string) => join(folder, name)
const modeOf = (name: string) => statSync(path(name)).mode & 0o777

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hufu-own-'))
})

async function write(name: string, text: string): Promise<void> {
  const handle = await createOwnFile(path(name))
  await handle.write(text)
  await handle.close()
}

/** Everything that is no file, in the place of the one that is wanted. */
const strangers: Readonly<Record<string, (at: string) => void>> = {
  'a link to a file': at => {
    writeFileSync(`${at}.target`, 'theirs')
    symlinkSync(`${at}.target`, at)
  },
  'a link to nothing': at => symlinkSync(`${at}.target`, at),
  'a folder': at => mkdirSync(at),
  'a pipe': at => void execFileSync('mkfifo', [at]),
}

describe('a file of one’s own', () => {
  test('is nobody else’s to read, whatever the mask of the process is', async () => {
    const before = process.umask(0)
    await write('new', 'secret')
    process.umask(before)
    expect(modeOf('new')).toBe(0o600)
  })

  test('takes the place of a file: who has that open, or under another name, sees nothing of it', async () => {
    writeFileSync(path('old'), 'before', { mode: 0o644 })
    const open = openSync(path('old'), 'r')
    linkSync(path('old'), path('other'))
    await write('old', 'secret')
    expect([readFileSync(path('old'), 'utf8'), modeOf('old')]).toEqual(['secret', 0o600])
    expect([readFileSync(open, 'utf8'), readFileSync(path('other'), 'utf8')]).toEqual(['before', 'before'])
    closeSync(open)
  })

  test.each(Object.entries(strangers))('is not made where %s stands', async (_name, make) => {
    make(path('taken'))
    await expect(createOwnFile(path('taken'))).rejects.toMatchObject({ code: 'bulk_place_taken' })
    expect(existsSync(path('taken.target')) ? readFileSync(path('taken.target'), 'utf8') : 'theirs').toBe('theirs')
  })

  test('is taken back from others when it is gone on with', async () => {
    await write('mine', 'secret')
    chmodSync(path('mine'), 0o644)
    await (await openOwnFile(path('mine'))).close()
    expect(modeOf('mine')).toBe(0o600)
  })

  test.each(Object.entries(strangers).filter(([name]) => name !== 'a folder'))(
    'is not gone on with where %s stands',
    async (_name, make) => {
      make(path('taken'))
      await expect(openOwnFile(path('taken'))).rejects.toMatchObject({ code: 'bulk_place_taken' })
    },
  )
})
