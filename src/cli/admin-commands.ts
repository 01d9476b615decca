import { type ArgumentSpec, type CommandSpec, type OptionSpec, text } from './command-spec.ts'

const username: ArgumentSpec = { name: 'username', help: 'help.argument.username' }
const output: OptionSpec = { flags: '--output <file>', help: 'help.option.output' }
const limit: OptionSpec = { flags: '--limit <n>', help: 'help.option.entries' }
const before: OptionSpec = { flags: '--before <next>', help: 'help.option.before' }

/** `hufu admin …`. Tokens are made and ended by an admin in person: no token serves for that. */
export const adminCommands: readonly CommandSpec[] = [
  {
    path: 'admin user create',
    help: 'help.admin.user.create',
    arguments: [username],
    options: [
      { flags: '--email <address>', help: 'help.option.email' },
      { flags: '--phone <number>', help: 'help.option.phone' },
      { flags: '--role <role>', help: 'help.option.role' },
      output,
    ],
    needs: 'admin',
    run: async (context, { arguments: given, options }) =>
      (await import('../commands/admin/user/create.ts')).run(context, {
        username: given.username,
        email: text(options.email),
        phone: text(options.phone),
        role: text(options.role),
        output: text(options.output),
      }),
  },
  {
    path: 'admin user show',
    help: 'help.admin.user.show',
    arguments: [username],
    needs: 'admin',
    run: async (context, given) =>
      (await import('../commands/admin/user/show.ts')).run(context, { username: given.arguments.username }),
  },
  {
    path: 'admin user list',
    help: 'help.admin.user.list',
    options: [
      { flags: '--prefix <text>', help: 'help.option.prefix' },
      { flags: '--state <state>', help: 'help.option.state' },
      { flags: '--role <role>', help: 'help.option.role' },
      limit,
      { flags: '--after <next>', help: 'help.option.before' },
    ],
    needs: 'admin',
    run: async (context, { options }) =>
      (await import('../commands/admin/user/list.ts')).run(context, {
        prefix: text(options.prefix),
        state: text(options.state),
        role: text(options.role),
        limit: text(options.limit),
        after: text(options.after),
      }),
  },
  {
    path: 'admin user disable',
    help: 'help.admin.user.disable',
    arguments: [username],
    needs: 'admin',
    run: async (context, given) =>
      (await import('../commands/admin/user/state.ts')).disable(context, { username: given.arguments.username }),
  },
  {
    path: 'admin user enable',
    help: 'help.admin.user.enable',
    arguments: [username],
    needs: 'admin',
    run: async (context, given) =>
      (await import('../commands/admin/user/state.ts')).enable(context, { username: given.arguments.username }),
  },
  {
    path: 'admin user reset-link',
    help: 'help.admin.user.reset-link',
    arguments: [username],
    options: [output],
    needs: 'admin',
    run: async (context, given) =>
      (await import('../commands/admin/user/reset-link.ts')).run(context, {
        username: given.arguments.username,
        output: text(given.options.output),
      }),
  },
  {
    path: 'admin token create',
    help: 'help.admin.token.create',
    arguments: [{ name: 'name', help: 'help.argument.token_name' }],
    options: [
      { flags: '--scope <scopes>', help: 'help.option.scope' },
      { flags: '--expires <time>', help: 'help.option.expires' },
      output,
    ],
    needs: 'session',
    run: async (context, { arguments: given, options }) =>
      (await import('../commands/admin/token/create.ts')).run(context, {
        name: given.name,
        scope: text(options.scope),
        expires: text(options.expires),
        output: text(options.output),
      }),
  },
  {
    path: 'admin token list',
    help: 'help.admin.token.list',
    options: [limit, before],
    needs: 'session',
    run: async (context, { options }) =>
      (await import('../commands/admin/token/list.ts')).run(context, {
        limit: text(options.limit),
        before: text(options.before),
      }),
  },
  {
    path: 'admin token revoke',
    help: 'help.admin.token.revoke',
    arguments: [{ name: 'id', help: 'help.argument.token' }],
    needs: 'session',
    run: async (context, given) =>
      (await import('../commands/admin/token/revoke.ts')).run(context, { id: given.arguments.id }),
  },
  {
    path: 'admin audit',
    help: 'help.admin.audit',
    options: [
      { flags: '--user <name>', help: 'help.option.user' },
      { flags: '--action <action>', help: 'help.option.action' },
      { flags: '--actor <who>', help: 'help.option.actor' },
      { flags: '--run <id>', help: 'help.option.run' },
      { flags: '--since <time>', help: 'help.option.since' },
      { flags: '--until <time>', help: 'help.option.until' },
      limit,
      before,
      { flags: '--follow', help: 'help.option.follow' },
    ],
    needs: 'admin',
    run: async (context, { options }) =>
      (await import('../commands/admin/audit.ts')).run(context, {
        user: text(options.user),
        action: text(options.action),
        actor: text(options.actor),
        run: text(options.run),
        since: text(options.since),
        until: text(options.until),
        limit: text(options.limit),
        before: text(options.before),
        follow: options.follow === true,
      }),
  },
  {
    path: 'admin rebind',
    help: 'help.admin.rebind',
    arguments: [{ name: 'file', help: 'help.argument.rebind_file' }],
    options: [
      { flags: '--reason <text>', help: 'help.option.reason' },
      { flags: '--dry-run', help: 'help.option.dry-run' },
      { flags: '--results <file>', help: 'help.option.results' },
      { flags: '--results-format <format>', help: 'help.option.results-format' },
      { flags: '--journal <file>', help: 'help.option.journal' },
      { flags: '--skip-invalid', help: 'help.option.skip-invalid' },
      { flags: '--no-notify', help: 'help.option.no-notify' },
      { flags: '--undo <run>', help: 'help.option.undo' },
      { flags: '--batch <n>', help: 'help.option.batch' },
      { flags: '--format <format>', help: 'help.option.format' },
    ],
    needs: 'admin',
    keepsTime: true,
    connections: 2,
    run: async (context, { arguments: given, options }) =>
      (await import('../commands/admin/rebind.ts')).run(context, {
        file: given.file,
        undo: text(options.undo),
        format: text(options.format),
        results: text(options.results),
        resultsFormat: text(options.resultsFormat),
        journal: text(options.journal),
        reason: text(options.reason),
        batch: text(options.batch),
        dryRun: options.dryRun === true,
        skipInvalid: options.skipInvalid === true,
        notify: options.notify !== false,
      }),
  },
]
