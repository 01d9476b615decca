import { printable } from '../../lib/printable.ts'
import { ConfigError, type Mistake } from '../config/config-error.ts'
import { type ConfigOptions, configFileOf, readConfig } from '../config/load-config.ts'
import type { SystemContext } from '../context.ts'
import { openProviders, type ProviderOpeners } from '../open-providers.ts'
import { type ConfigCheck, check } from './check.ts'
import { describeConfig } from './describe-config.ts'
import { reportOf, wrap } from './report.ts'

export interface CheckConfigOptions extends ConfigOptions {
  /** Whether to ask the providers. */
  readonly live?: true
  /** Where a test message goes; asks the providers, too. */
  readonly to?: readonly string[]
  readonly json?: true
}

const exitCodes = { done: 0, mistakes: 2, off: 5 } as const

/**
 * `hufud check-config`: every mistake with its place, else what is on and what is off.
 * @returns the exit code: 2 for a file with mistakes, 5 where something that is configured is off
 */
export async function checkConfig(
  options: CheckConfigOptions,
  context: SystemContext,
  openers?: Partial<ProviderOpeners>,
): Promise<number> {
  try {
    const config = await readConfig(options, context.env)
    const checks = describeConfig(config)
    if (options.live || options.to) {
      const { checkCredentials, sendTestMessages } = await import('./live-checks.ts')
      const { checkDatabase } = await import('./live-database.ts')
      checks.push(...(await checkDatabase(config.database)))
      const opened = await openProviders(config, context, openers)
      try {
        checks.push(...(await checkCredentials(opened, context.stop)))
        checks.push(...(await sendTestMessages(config, opened, options.to ?? [], context)))
      } finally {
        await opened.close()
      }
    }
    return tell(checks, options, context)
  } catch (error) {
    if (!(error instanceof ConfigError) || error.mistakes.length === 0) throw error
    return tellMistakes(error, options, context)
  }
}

const event = (name: string, members: object): string => `${JSON.stringify({ event: name, ...members })}\n`

const counted = (count: number, one: string, many: string): string => (count === 1 ? `1 ${one}` : `${count} ${many}`)

function tell(checks: readonly ConfigCheck[], options: CheckConfigOptions, { stdout, env }: SystemContext): number {
  const faults = checks.filter(({ state }) => state === 'fail').length
  const message = `${counted(faults, 'of these does', 'of these do')} not work; all else does.`
  const exitCode = faults > 0 ? exitCodes.off : exitCodes.done
  if (options.json) {
    for (const each of checks) stdout(event('check', each))
    stdout(
      faults > 0
        ? event('error', { code: 'config_partly_off', message, exit_code: exitCode, checks })
        : event('result', { ok: true, checks }),
    )
    return exitCode
  }
  const file = configFileOf(options, env)
  const asked = options.live || options.to ? '' : ' Nobody was asked: --live does.'
  stdout(`${file ?? 'No configuration file: options, environment and defaults.'}\n\n${reportOf(checks)}\n`)
  stdout(faults > 0 ? `${message}\n` : `No mistakes, and all that is configured is on.${asked}\n`)
  return exitCode
}

const placeOf = ({ file, line, column }: Mistake): string =>
  [file, line, column].filter(part => part !== undefined).join(':')

function tellMistakes(error: ConfigError, { json }: CheckConfigOptions, { stdout }: SystemContext): number {
  const { mistakes } = error
  const message = `${counted(mistakes.length, 'mistake', 'mistakes')}. hufud does not start with this configuration.`
  if (json) {
    for (const mistake of mistakes) {
      const { file, line, column, path, words } = mistake
      stdout(event('check', { ...check('file', path, 'fail', words), file, line, column }))
    }
    stdout(event('error', { code: 'config_invalid', message, exit_code: exitCodes.mistakes, mistakes }))
    return exitCodes.mistakes
  }
  const lines = mistakes.flatMap(mistake => [
    [placeOf(mistake), mistake.path].filter(part => part !== '').join(': '),
    ...wrap(printable(mistake.words), 76).map(line => `    ${line}`),
  ])
  stdout(`${lines.join('\n')}\n\n${message}\nEvery member: docs/operations.md and docs/hufud.example.yaml\n`)
  return exitCodes.mistakes
}
