import { Command, CommanderError, Option } from 'commander'
import type { Logger } from 'pino'
import { printable } from '../lib/printable.ts'
import { version } from '../lib/version.ts'
import { type Edge, openServices, startServer } from './app.ts'
import type { CheckConfigOptions } from './check-config/check-config.ts'
import { ConfigError } from './config/config-error.ts'
import { type Config, type ConfigOptions, readConfig } from './config/load-config.ts'
import type { SystemContext } from './context.ts'

export { systemContext } from './context.ts'

import { SchemaUnfit, StoreUnavailable } from './domain/ports/store-unavailable.ts'
import { Refusal } from './domain/refusal.ts'
import { freePort } from './free-port.ts'

import { type MigrateOptions, migrate } from './migrate.ts'
import type { ExportOptions } from './transfer/run.ts'
import { TransferError } from './transfer/transfer-error.ts'

/** Structured logs as JSON lines on stderr; stdout is for what was asked for. */
async function createLogger(level: string): Promise<Logger> {
  const { default: pino } = await import('pino')
  // A write for each line would cost more than many a request; pino writes the rest when the process ends.
  const destination = pino.destination({ dest: 2, sync: false, minLength: 4096, periodicFlush: 500 })
  return pino({ level, base: null }, destination)
}

const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

async function edgeOf(context: SystemContext, level: string): Promise<Edge> {
  const { clock, random } = context
  return { clock, random, version, logger: await createLogger(level) }
}

/** A server without one of its methods is better than none: people are offered those that work. */
function sayWhatIsOff({ off, warnings }: Config, { logger }: Edge): void {
  for (const { method, provider, reason } of off) logger.warn({ method, provider, reason }, 'configured, but off')
  for (const reason of warnings) logger.warn({ reason }, 'configuration')
}

interface ServeOptions {
  config?: string
  database?: string
  ephemeral?: true
  json?: true
  port?: number
}

async function serve(options: ServeOptions, context: SystemContext): Promise<void> {
  const { env, stop } = context
  if (options.ephemeral) {
    const { startEphemeral } = await import('./ephemeral/start-ephemeral.ts')
    const edge = await edgeOf(context, env.HUFUD_LOG_LEVEL ?? 'error')
    const server = await startEphemeral(edge, { port: options.port ?? 0, database: options.database, env })
    const { url, account, outbox, security_key: securityKey } = server.listening
    context.stdout(
      options.json
        ? `${JSON.stringify(server.listening)}\n`
        : `hufud listens on ${url}, for as long as it runs and not a moment longer.\n` +
            `Account: ${account.username}, password ${account.password}\n` +
            `Messages: ${outbox}?to=ADDRESS\nSecurity key: --device ${securityKey}\n`,
    )
    await stopped(stop)
    return server.close()
  }
  // The origin that people and keys see has the port in it, so it must be known before the server is made.
  const port = options.port === 0 ? await freePort() : options.port
  const config = await readConfig({ ...options, port }, env)
  const edge = await edgeOf(context, config.logLevel)
  sayWhatIsOff(config, edge)
  const server = await startServer(config, edge)
  const listening = { event: 'listening', url: config.policy.origins[0], address: server.address }
  context.stdout(options.json ? `${JSON.stringify(listening)}\n` : `hufud ${version} listens on ${server.address}\n`)
  await stopped(stop)
  await server.close()
}

async function bootstrap(
  username: string,
  options: { config?: string; database?: string; json?: true },
  context: SystemContext,
): Promise<void> {
  const config = await readConfig(options, context.env)
  // Messages are left to those that serve.
  const opened = await openServices(config, { ...(await edgeOf(context, 'warn')), senders: {} })
  try {
    const link = await opened.services.accounts.bootstrap(username)
    const url = `${config.policy.origins[0]}/enrol#${link.link_secret}`
    if (options.json) {
      context.stdout(
        `${JSON.stringify({ event: 'result', ok: true, username: link.username, link: url, expires_at: link.expires_at })}\n`,
      )
      return
    }
    context.stdout(`${url}\n`)
    context.stderr(
      `This link sets the password of ${link.username}, once, until ${link.expires_at}. Keep it in a file of your own, then:\n` +
        `  hufu passwd --server ${config.policy.origins[0]} --link-file FILE\n`,
    )
  } finally {
    await opened.close()
  }
}

const port = (text: string): number => {
  const number = Number(text)
  if (!/^\d{1,5}$/.test(text) || number > 65_535) throw new ConfigError(`--port: ${text} is no port number.`)
  return number
}

const addAnother = (address: string, others: readonly string[] = []): string[] => [...others, address]

/** @param end is told the exit code of a command that has one of its own */
function createProgram(context: SystemContext, end: (exitCode: number) => void): Command {
  const program = new Command('hufud')
    .description('The account server of hufu.')
    .version(version, '-V, --version')
    .exitOverride()
    .configureOutput({ writeOut: context.stdout, writeErr: context.stderr })
    .showSuggestionAfterError()
  const config = () => new Option('--config <file>', 'configuration file, YAML or JSON (HUFUD_CONFIG)')
  const database = () => new Option('--database <url>', 'sqlite:PATH or postgres://USER@HOST/DATABASE (HUFUD_DATABASE)')
  program
    .command('serve')
    .description('Serve the account API until SIGTERM or Ctrl-C.')
    .addOption(config())
    .addOption(database())
    .option('--port <port>', 'port to listen on', port)
    .option('--ephemeral', 'a server for trying out and for tests: temporary database, simulated outside world')
    .option('--json', 'one JSON line on stdout once it is ready')
    .action((options: ServeOptions) => serve(options, context))
  program
    .command('bootstrap')
    .description('Print a one-time link by which the first admin sets a password.')
    .argument('<username>', 'user name; the account is made when there is none')
    .addOption(config())
    .addOption(database())
    .option('--json', 'one JSON line on stdout')
    .action((username: string, options) => bootstrap(username, options, context))
  program
    .command('migrate')
    .description('Bring the schema of the database up to date, while other processes go on with it.')
    .addOption(config())
    .addOption(database())
    .option('--contract', 'also what is not safe before all processes of the release before have ended')
    .option('--json', 'one JSON line on stdout')
    .action((options: MigrateOptions) => migrate(options, context))
  program
    .command('check-config')
    .description('Say every mistake of the configuration with its line; else what is on, and what is off.')
    .addOption(config())
    .addOption(database())
    .option('--live', 'ask each provider whether it takes our credentials; sends nothing')
    .option('--to <destination>', 'send a test message to this address or number, too; may be repeated', addAnother)
    .option('--json', 'one JSON line on stdout for each thing looked at, and one last')
    .action(async (options: CheckConfigOptions) => {
      const { checkConfig } = await import('./check-config/check-config.ts')
      end(await checkConfig(options, context))
    })
  program
    .command('export')
    .description('Write all data as NDJSON, as it is at one moment; hufud may be serving.')
    .addOption(config())
    .addOption(database())
    .option('--output <file>', 'file to write, readable by its owner alone; left out: stdout')
    .option('--force', 'replace the file')
    .action(async (options: ExportOptions) => {
      const { runExport } = await import('./transfer/run.ts')
      await runExport(options, context)
    })
  program
    .command('import')
    .description('Fill an empty database with what hufud export wrote: all of it, or nothing.')
    .argument('<file>', 'file to read; - is stdin')
    .addOption(config())
    .addOption(database())
    .action(async (file: string, options: ConfigOptions) => {
      const { runImport } = await import('./transfer/run.ts')
      await runImport(file, options, context)
    })
  return program
}

const exitCodes = { done: 0, bug: 1, usage: 2, refused: 5 } as const

/** Runs `hufud` with the arguments after the program's name; its exit code. */
export async function main(argv: readonly string[], context: SystemContext): Promise<number> {
  try {
    let exitCode: number = exitCodes.done
    const program = createProgram(context, code => {
      exitCode = code
    })
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    if (error instanceof ConfigError) {
      const where = error.mistakes.length > 0 ? 'the configuration can’t be used:\n' : ''
      context.stderr(`hufud: ${where}${error.message}\n`)
      return exitCodes.usage
    }
    if (error instanceof Refusal) {
      context.stderr(`hufud: ${error.code}: ${JSON.stringify(error.members)}\n`)
      return exitCodes.refused
    }
    if (error instanceof TransferError) {
      context.stderr(`hufud: ${printable(error.message)}\n`)
      return exitCodes.refused
    }
    if (error instanceof StoreUnavailable) {
      context.stderr(
        `hufud: the database can’t be reached: ${printable(error.message)}\n` +
          'Look whether it runs, and at its address, user and password: hufud check-config --live\n',
      )
      return exitCodes.refused
    }
    if (error instanceof SchemaUnfit) {
      context.stderr(`hufud: ${error.message}\n`)
      return exitCodes.refused
    }
    context.stderr(`hufud: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return exitCodes.bug
  }
}
