// The process of kill.test.ts: writes without end, and says of what it was told that it is there.

import { writeSync } from 'node:fs'
import type { Store } from '../../../src/server/domain/ports/store.ts'
import { openStoreAt } from '../../support/store-at.ts'

const writers = 16
const [, , database = ''] = process.argv

async function write(store: Store, writer: number): Promise<void> {
  for (let number = 0; ; number += 1) {
    const name = `${writer}.${number}`
    const isRefused = number % 5 === 4
    await store
      .transaction(async queries => {
        await queries.settings.write(`first ${name}`, new Uint8Array(500), number)
        await queries.settings.write(`second ${name}`, new Uint8Array(500), number)
        if (isRefused) throw new Error('refused')
      })
      .then(
        () => writeSync(1, `done ${name}\n`),
        () => writeSync(1, `refused ${name}\n`),
      )
  }
}

void openStoreAt(database).then(store => {
  for (let writer = 0; writer < writers; writer += 1) void write(store, writer)
})
