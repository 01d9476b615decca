// A set-up file: with HUFU_TEST_REPEAT_TRANSACTIONS=1 every transaction of the servers in the process of the tests runs
// twice, the first time in vain.

import { vi } from 'vitest'
import { repeating } from './repeated-transactions.ts'

if (process.env.HUFU_TEST_REPEAT_TRANSACTIONS === '1') {
  vi.doMock('../../src/server/store/open-store.ts', async original => {
    const actual = await original<typeof import('../../src/server/store/open-store.ts')>()
    const openStore: typeof actual.openStore = async (...given) => repeating(await actual.openStore(...given))
    return { ...actual, openStore }
  })
}
