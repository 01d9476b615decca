// Prints one JSON document with the figures of docs/benchmarks.md. Arguments: names of figures; none: all.
import { availableParallelism } from 'node:os'
import { assertionRate, simpleWebAuthnRatio } from './figures/assertions.ts'
import { bulkRebindPostgres, bulkRebindSqlite } from './figures/bulk-rebinding.ts'
import { clientCeremonies } from './figures/ceremonies.ts'
import { phoneChanges } from './figures/changes.ts'
import { hostileBodyTime } from './figures/hostile-bodies.ts'
import { keyStepUps } from './figures/key-step-ups.ts'
import { messageDelivery } from './figures/messages.ts'
import { passwordStepUps, readsDuringLogins } from './figures/passwords.ts'
import { serverStart, statusTime, versionTime } from './figures/programs.ts'
import { overviewReads } from './figures/reads.ts'
import { scaleOut } from './figures/scale-out.ts'
import { type Figure, round } from './measure.ts'

const measurements: Readonly<Record<string, () => Promise<Figure | Figure[]>>> = {
  version: versionTime,
  status: statusTime,
  password_step_ups: passwordStepUps,
  assertions: assertionRate,
  hostile_bodies: hostileBodyTime,
  assertions_simplewebauthn: simpleWebAuthnRatio,
  client_ceremonies: clientCeremonies,
  overview_reads: overviewReads,
  phone_changes: phoneChanges,
  key_step_ups: keyStepUps,
  message_delivery: messageDelivery,
  server_start: serverStart,
  reads_during_logins: readsDuringLogins,
  bulk_rebind_sqlite: bulkRebindSqlite,
  bulk_rebind_postgres: bulkRebindPostgres,
  scale_out: scaleOut,
}

const names = process.argv.slice(2)
const unknown = names.filter(name => !(name in measurements))
if (unknown.length > 0) {
  process.stderr.write(
    `There is no figure ${unknown.join(', ')}. There are: ${Object.keys(measurements).join(', ')}.\n`,
  )
  process.exit(2)
}
const start = performance.now()
const figures: Figure[] = []
for (const [name, measure] of Object.entries(measurements)) {
  if (names.length > 0 && !names.includes(name)) continue
  process.stderr.write(`${name} …\n`)
  figures.push(...[await measure()].flat())
}
const document = {
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  cores: availableParallelism(),
  seconds: round((performance.now() - start) / 1000, 1),
  met: figures.every(({ met }) => met !== false),
  figures,
}
process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
