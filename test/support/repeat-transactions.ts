// A set-up file: with HUFU_TEST_REPEAT_TRANSACTIONS=1 every transaction of the servers in the process of the tests runs
// twice, the first time in vain.

import { vi } from 'vitest'
import type { DatabaseConfig } from '../../src/server/config/config.ts'
import { repeating } from './repeated-transactions.ts'

if (process.env.HUFU_TEST_REPEAT_TRANSACTIONS === '1') {
  vi.doMock('../../src/server/store/open-store.ts', async original => {
    const actual = await original<typeof import('../../src/server/store/open-store.ts')>()
    const openStore = async (config: DatabaseConfig) => repeating(await actual.openStore(config))
    return { ...actual, openStore }
  })
}
