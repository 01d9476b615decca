import { Command, CommanderError, Option } from 'commander'
import { type VerificationMethod, verificationMethods } from '../contract/schemas.ts'
import type { CommandSpec, Given } from './command-spec.ts'
import { commands, groups, menu } from './command-table.ts'
import { languageOf, languages, type MessageKey, type Translate } from './messages/catalogue.ts'
import { widthOf } from './terminal/text-width.ts'
import { UsageError, usageError } from './usage.ts'

/** Options that every command takes, before or after its name. */
export interface GlobalOptions {
  readonly server?: string
  readonly profile?: string
  readonly verify?: readonly VerificationMethod[]
  readonly device?: string
  readonly json?: boolean
  readonly input?: boolean
  readonly lang?: string
  readonly color?: 'auto' | 'always' | 'never'
  readonly timeout?: number
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly passwordFile?: string
  readonly newPasswordFile?: string
  readonly codeFile?: string
  readonly pinFile?: string
  readonly newPinFile?: string
  readonly codeCommand?: string
  readonly tokenFile?: string
  readonly caFile?: string
}

export type Invocation =
  | { readonly kind: 'run'; readonly spec: CommandSpec; readonly given: Given; readonly globals: GlobalOptions }
  | { readonly kind: 'text'; readonly text: string }

const globalOptions = (t: Translate, help: Help): Option[] => {
  const oneOf = (option: string, values: readonly string[]) => (value: string) => {
    if (values.includes(value)) return value
    throw new UsageError(t('usage.value', { option, expected: values.join(t('list.or')) }))
  }
  const method = oneOf('--verify', verificationMethods)
  const language = (value: string) => {
    if (languageOf(value)) return value
    throw new UsageError(t('usage.value', { option: '--lang', expected: languages.join(t('list.or')) }))
  }
  const seconds = (value: string) => {
    if (/^\d{1,6}(\.\d+)?$/.test(value) && Number(value) > 0) return Number(value)
    throw new UsageError(t('usage.value', { option: '--timeout', expected: t('expected.seconds') }))
  }
  return [
    new Option('--server <url>', help('help.option.server')),
    new Option('--profile <name>', help('help.option.profile')),
    new Option('--verify <method>', help('help.option.verify')).argParser((value, earlier: string[] | undefined) => [
      ...(earlier ?? []),
      method(value),
    ]),
    new Option('--device <path>', help('help.option.device')),
    new Option('--password-file <file>', help('help.option.password-file')),
    new Option('--new-password-file <file>', help('help.option.new-password-file')),
    new Option('--code-file <file>', help('help.option.code-file')),
    new Option('--code-command <cmd>', help('help.option.code-command')),
    new Option('--pin-file <file>', help('help.option.pin-file')),
    new Option('--new-pin-file <file>', help('help.option.new-pin-file')),
    new Option('--token-file <file>', help('help.option.token-file')),
    new Option('--ca-file <file>', help('help.option.ca-file')),
    new Option('--json', help('help.option.json')),
    new Option('--no-input', help('help.option.no-input')),
    new Option('--lang <tag>', help('help.option.lang')).argParser(language),
    new Option('--color <when>', help('help.option.color')).argParser(oneOf('--color', ['auto', 'always', 'never'])),
    new Option('--timeout <seconds>', help('help.option.timeout')).argParser(seconds),
    new Option('-q, --quiet', help('help.option.quiet')),
    new Option('-v, --verbose', help('help.option.verbose')),
  ]
}

/** The values that the command line set, along the chain of commands: the one nearest to its end counts. */
function optionsSet(command: Command): Record<string, unknown> {
  const chain: Command[] = []
  for (let each: Command | null = command; each; each = each.parent) chain.unshift(each)
  const set: Record<string, unknown> = {}
  for (const each of chain) {
    for (const [name, value] of Object.entries(each.opts())) {
      if (each.getOptionValueSource(name) === 'cli') set[name] = value
    }
  }
  return set
}

/** commander's own words, in the person's language. */
function localise(command: Command, t: Help): Command {
  const titles: Readonly<Record<string, string>> = {
    'Usage:': t('help.usage'),
    'Arguments:': t('help.arguments'),
    'Options:': t('help.options'),
    'Global Options:': t('help.global_options'),
    'Commands:': t('help.commands'),
  }
  return command
    .configureHelp({
      showGlobalOptions: command.parent !== null,
      styleTitle: title => titles[title] ?? title,
      displayWidth: widthOf,
    })
    .helpOption('-h, --help', t('help.help'))
    .helpCommand(false)
}

/** Texts of the help, which are looked up only when it is asked for. */
type Help = (key: MessageKey) => string

interface Chosen {
  spec: CommandSpec
  given: Given
  command: Command
}

function addCommand(
  parent: Command,
  spec: CommandSpec,
  { t, help: describe }: { t: Translate; help: Help },
  choose: (chosen: Chosen) => void,
): void {
  const name = spec.path.split(' ').at(-1) ?? spec.path
  const command = parent.command(name, spec.isDefault ? { isDefault: true } : {}).description(describe(spec.help))
  localise(command, describe).exitOverride()
  for (const argument of spec.arguments ?? []) command.argument(`[${argument.name}]`, describe(argument.help))
  for (const { flags, help } of spec.options ?? []) command.option(flags, describe(help))
  for (const option of globalOptions(t, describe)) command.addOption(option.hideHelp())
  const own = new Set((spec.options ?? []).map(({ flags }) => new Option(flags).attributeName()))
  command.action(() => {
    const values: Record<string, string | undefined> = {}
    for (const [index, { name }] of (spec.arguments ?? []).entries()) values[name] = command.args[index]
    const options: Record<string, string | boolean | undefined> = {}
    for (const [option, value] of Object.entries(optionsSet(command))) {
      if (own.has(option) && (typeof value === 'string' || typeof value === 'boolean')) options[option] = value
    }
    choose({ spec, given: { arguments: values, options }, command })
  })
}

/**
 * The commands that a command line may mean: to define them all takes longer than to run one. With none that is known,
 * and for help, it is all.
 */
function commandsNamed(argv: readonly string[]): readonly CommandSpec[] {
  const words = new Set(argv)
  const named = commands.filter(({ path }) => words.has(path.split(' ', 1)[0] ?? path))
  return named.length > 0 && !asksForHelp(argv) ? named : commands
}

/** The path of a command without its last word, and that word. */
const apart = (path: string): [around: string, name: string] => {
  const end = path.lastIndexOf(' ')
  return [path.slice(0, Math.max(0, end)), path.slice(end + 1)]
}

/** The words of the innermost group that a command line names. */
function groupNamed(argv: readonly string[]): string[] | undefined {
  const paths = Object.keys(groups).map(path => path.split(' '))
  const named = paths.filter(words => words.every(word => argv.includes(word)))
  return named.sort((a, b) => b.length - a.length)[0]
}

const asksForHelp = (argv: readonly string[]): boolean =>
  argv.some(word => /^(?:--help|-[a-zA-Z]*h[a-zA-Z]*)$/.test(word))

/**
 * What a command line asks for.
 * @param argv without the program's own name
 * @throws {UsageError} in the person's words
 */
export function parseArguments(argv: readonly string[], t: Translate, version: string, columns = 80): Invocation {
  const help: Help = asksForHelp(argv) ? t : () => ''
  let chosen: Chosen | undefined
  let printed = ''
  const output = {
    writeOut: (text: string) => {
      printed += text
    },
    writeErr: () => {},
    getOutHelpWidth: () => columns,
    getOutHasColors: () => false,
  }
  const program = new Command('hufu').configureOutput(output).exitOverride().description(help('help.description'))
  localise(program, help).version(version, '-V, --version', help('help.version'))
  for (const option of globalOptions(t, help)) program.addOption(option)
  const parents = new Map<string, Command>([['', program]])
  /** The command of a group, with the groups around it, as soon as something is in it. */
  const groupAt = (path: string): Command => {
    const made = parents.get(path)
    if (made) return made
    const [around, name] = apart(path)
    const parent = groupAt(around)
    const group = new Command(name).copyInheritedSettings(program)
    const description = groups[path]
    if (description) group.description(help(description))
    localise(group, help)
    for (const option of globalOptions(t, help)) group.addOption(option.hideHelp())
    parent.addCommand(group)
    parents.set(path, group)
    return group
  }
  for (const spec of commandsNamed(argv)) {
    addCommand(groupAt(apart(spec.path)[0]), spec, { t, help }, given => {
      chosen = given
    })
  }
  try {
    program.parse([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { kind: 'text', text: printed }
    if (error.code !== 'commander.help') throw usageError(error, t)
    const group = groupNamed(argv)
    if (group) return parseArguments([...group, '--help'], t, version, columns)
  }
  // Nothing but options: the security page.
  const alone = { spec: menu, given: { arguments: {}, options: {} }, command: program }
  const { spec, given, command } = chosen ?? alone
  const globals = Object.fromEntries(Object.entries(optionsSet(command)).filter(([name]) => !(name in given.options)))
  return { kind: 'run', spec, given, globals }
}
