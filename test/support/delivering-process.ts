import { writeSync } from 'node:fs'
import { deliverAll, type KillStep } from './delivering.ts'

const [, , database = '', file = '', ahead = '', count = '', step = 'none'] = process.argv
const work = { database, file, ahead: Number(ahead), count: Number(count), step: step as KillStep }
void deliverAll(work, line => writeSync(1, `${line}\n`))
