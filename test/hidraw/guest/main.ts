// Runs in the virtual machine, as root: every scenario on every bus it is for. A line of JSON for each goes to the share.

import { appendFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { startEphemeral } from '../../support/ephemeral-server.ts'
import { endOfRecords, type Outcome, type ScenarioRecord } from '../records.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { Workbench } from './workbench.ts'

const [, , records = '', udev = ''] = process.argv

const record = (line: ScenarioRecord | typeof endOfRecords) => appendFileSync(records, `${JSON.stringify(line)}\n`)

/** Runs one scenario; whatever it does, no key is in afterwards. */
async function play({ run }: Scenario, bench: Workbench): Promise<Outcome> {
  try {
    return await run(bench)
  } finally {
    await bench.clear()
  }
}

async function main(): Promise<void> {
  const server = await startEphemeral()
  for (const bus of ['uhid', 'usb'] as const) {
    const bench = new Workbench(server, bus, udev)
    for (const scenario of scenarios.filter(({ buses }) => buses.includes(bus))) {
      const name = `${bus}: ${scenario.name}`
      console.log(name)
      await play(scenario, bench).then(
        outcome => record({ name, outcome }),
        error => record({ name, failure: inspect(error) }),
      )
    }
  }
  await server.stop()
  record(endOfRecords)
}

main().then(
  () => process.exit(0),
  error => {
    console.log(inspect(error))
    process.exit(1)
  },
)
