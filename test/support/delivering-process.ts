import { writeSync } from 'node:fs'
import { deliverAll, type KillStep } from './delivering.ts'

const [, , path = '', file = '', ahead = '', count = '', step = 'none'] = process.argv
const work = { path, file, ahead: Number(ahead), count: Number(count), step: step as KillStep }
void deliverAll(work, line => writeSync(1, `${line}\n`))
