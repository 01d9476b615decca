// The temporary files of a test file are in a folder of its own, which goes when it has ended.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const before = process.env.TMPDIR
const folder = mkdtempSync(join(tmpdir(), 'hufu-'))
// PostgreSQL runs as another user where the tests are root's, and has its folder in here.
chmodSync(folder, 0o711)
process.env.TMPDIR = folder

afterAll(() => {
  if (before === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = before
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
})
