import { CancelledError } from '../auth/errors.ts'
import { CommandError } from '../commands/command-error.ts'
import { version } from '../lib/version.ts'
import { scriptedAnswers, serviceToken } from './answers.ts'
import { buildContext } from './build-context.ts'
import type { CommandSpec } from './command-spec.ts'
import { type Context, type SystemContext, systemContext, type Terminal } from './context.ts'
import { codeOf, type ErrorSurroundings, reportError } from './errors.ts'
import { type Exit, exits } from './exit-codes.ts'
import { linkReader } from './link-file.ts'
import { chooseLanguage, type Language, loadCatalogue, type Translate } from './messages/catalogue.ts'
import { openProfiles } from './profile.ts'
import { type GlobalOptions, type Invocation, parseArguments } from './program.ts'
import { createSessionStore } from './session-store.ts'
import { createTerminal } from './terminal/terminal.ts'

export { systemContext }

/** The value of an option that has to be known before the command line can be read. */
function peek(argv: readonly string[], option: string): string | undefined {
  const end = argv.indexOf('--')
  const options = end < 0 ? argv : argv.slice(0, end)
  const index = options.findLastIndex(word => word === option || word.startsWith(`${option}=`))
  const word = options[index]
  if (word === undefined) return undefined
  return word === option ? options[index + 1] : word.slice(option.length + 1)
}

interface Run {
  readonly system: SystemContext
  readonly language: Language
  readonly t: Translate
  readonly globals: GlobalOptions
  readonly terminal: Terminal
  readonly stop: AbortController
}

/**
 * The server to talk to: named, else that of the last login, else that of the link, else asked for. A link's secret is
 * never sent to a server that it is not for, nor does a link lead anybody to a server other than their own.
 * @throws {CommandError} `link_other_server`, `server_not_set`
 */
async function chooseServer(
  { system, globals, terminal }: Run,
  store: { readonly defaultServer: string | undefined },
  ofLink: string | undefined,
): Promise<string> {
  const named = globals.server ?? (system.env.HUFU_SERVER || undefined)
  if (ofLink === undefined && named === undefined && store.defaultServer !== undefined) return store.defaultServer
  const { parseServerUrl } = await import('../api/server-url.ts')
  const known = named === undefined ? store.defaultServer : parseServerUrl(named)
  if (ofLink !== undefined && known !== undefined && ofLink !== known) {
    throw new CommandError('link_other_server', { link: ofLink, server: known })
  }
  if (known !== undefined) return known
  if (ofLink !== undefined) return ofLink
  if (!terminal.interactive) throw new CommandError('server_not_set')
  const validate = (text: string) => {
    try {
      return parseServerUrl(text) !== '' || terminal.t('check.not_empty')
    } catch {
      return terminal.t('next.server_url_invalid')
    }
  }
  return parseServerUrl(await terminal.text(terminal.t('ask.server'), { validate }))
}

async function makeContext(
  run: Run,
  spec: CommandSpec,
  linkFile: string | undefined,
  around: (server: string) => void,
): Promise<Context> {
  const { system, language, globals, terminal, stop } = run
  const store = createSessionStore({
    ...system,
    profiles: openProfiles(system.env, system.platform),
    interactive: terminal.interactive,
    signal: stop.signal,
    onWaiting: () => terminal.aside(terminal.t('keyring.unlock')),
  })
  const onReadable = (file: string) => terminal.warn(terminal.t('warn.file_readable', { file }))
  const readLink = linkReader(terminal.t, onReadable)
  const ofLink = linkFile === undefined ? undefined : (await readLink(linkFile)).origin
  const origin = spec.needs === 'nothing' ? 'http://localhost' : await chooseServer(run, store, ofLink)
  around(origin)
  const answers = scriptedAnswers({
    ...globals,
    env: system.env,
    signal: stop.signal,
    onReadable,
  })
  const token =
    spec.needs === 'admin'
      ? serviceToken(globals.tokenFile, system.env, onReadable, terminal.t('expected.token'))
      : undefined
  const demo = {
    start: async () => (await import('./demo/host.ts')).startDemo({ ...run, signal: stop.signal }),
  }
  return buildContext({
    system,
    globals,
    terminal,
    answers,
    readLink,
    store,
    origin,
    language,
    signal: stop.signal,
    demo,
    serviceToken: token,
    connections: spec.connections,
  })
}

/** @throws {ApiError} `not_logged_in` when the command needs a session, or that or a token, and there is none */
async function verifyAuthority({ needs }: CommandSpec, { api, hasToken }: Context): Promise<void> {
  if ((needs !== 'session' && needs !== 'admin') || hasToken || api.sessionSecret !== undefined) return
  const { ApiError } = await import('../api/errors.ts')
  const error = new ApiError('not_logged_in')
  throw needs === 'admin' ? Object.assign(error, { about: 'admin' }) : error
}

async function runCommand(run: Run, spec: CommandSpec, given: Parameters<CommandSpec['run']>[1]): Promise<Exit> {
  const { system, globals, terminal, stop } = run
  const { clock } = system
  let server = globals.server ?? ''
  const stopListening = system.onStop(() => stop.abort(new CancelledError()))
  const timeout = spec.keepsTime ? undefined : globals.timeout
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => stop.abort(new CommandError('timed_out', { seconds: timeout })), timeout * 1000)
  let context: Context | undefined
  try {
    if (terminal.interactive) (await import('./terminal/echo.ts')).hideTyping(system.stdin, system.platform)
    const { linkFile } = given.options
    const link = typeof linkFile === 'string' ? linkFile : undefined
    context = await makeContext(run, spec, link, origin => {
      server = origin
    })
    // Whoever has a one-time link needs no login.
    if (link === undefined) await verifyAuthority(spec, context)
    await spec.run(context, given)
    return exits.done
  } catch (error) {
    const around: ErrorSurroundings = { terminal, server, now: clock.now(), verbose: globals.verbose === true }
    const interrupted = stop.signal.aborted && ['bug', 'cancelled', 'key_cancelled'].includes(codeOf(error))
    return reportError(interrupted ? stop.signal.reason : error, around)
  } finally {
    clearTimeout(timer)
    stopListening()
    await context?.api.close()
  }
}

/**
 * Runs one command line.
 * @param argv without the program's own name
 * @returns the exit code. The process is left to end by itself, so that whatever is open can close.
 */
export async function main(argv: readonly string[], system: SystemContext): Promise<Exit> {
  // A reader that has seen enough (`hufu log | head`) is no fault.
  system.stdout.on('error', error => {
    if (!('code' in error) || error.code !== 'EPIPE') throw error
  })
  const language = chooseLanguage(peek(argv, '--lang'), system.env)
  const t = await loadCatalogue(language)
  const stop = new AbortController()
  const screen = (globals: GlobalOptions) =>
    createTerminal({
      system,
      t,
      json: globals.json === true,
      input: globals.input !== false,
      quiet: globals.quiet === true,
      color: globals.color ?? 'auto',
      signal: stop.signal,
    })
  let invocation: Invocation
  try {
    invocation = parseArguments(argv, t, version, system.stdout.columns ?? 80)
  } catch (error) {
    const terminal = await screen({ json: argv.includes('--json') })
    return reportError(error, { terminal, server: '', now: system.clock.now(), verbose: argv.includes('-v') })
  }
  if (invocation.kind === 'text') {
    system.stdout.write(invocation.text)
    return exits.done
  }
  const { spec, given, globals } = invocation
  const terminal = await screen(globals)
  if (spec.path === '' && !terminal.interactive) {
    const help = parseArguments(['--help'], t, version, system.stdout.columns ?? 80)
    system.stdout.write(help.kind === 'text' ? help.text : '')
    return exits.done
  }
  return runCommand({ system, language, t, globals, terminal, stop }, spec, given)
}
