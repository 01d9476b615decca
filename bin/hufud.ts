import { systemContext } from '../src/server/context.ts'
import { main } from '../src/server/main.ts'

process.exitCode = await main(process.argv.slice(2), systemContext())
