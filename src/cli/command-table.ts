import { adminCommands } from './admin-commands.ts'
import { type ArgumentSpec, type CommandSpec, type OptionSpec, text } from './command-spec.ts'
import type { MessageKey } from './messages/catalogue.ts'

const unbind = (item: 'phone' | 'email' | 'totp' | 'wechat'): CommandSpec => ({
  path: `unbind ${item}`,
  help: `help.unbind.${item}`,
  needs: 'session',
  run: async context => (await import('../commands/unbind.ts')).run(context, { item }),
})

/** With it no login is needed, but a server alone. */
const linkFileOption: OptionSpec = { flags: '--link-file <file>', help: 'help.option.link-file-bind' }

const keyArgument: ArgumentSpec = { name: 'key', help: 'help.argument.key_path' }

const pin = (verb: 'set' | 'change'): CommandSpec => ({
  path: `key pin ${verb}`,
  help: `help.key.pin.${verb}`,
  arguments: [keyArgument],
  needs: 'nothing',
  run: async (context, given) => (await import('../commands/key/pin.ts'))[verb](context, { path: given.arguments.key }),
})

/** Commands that only group others. */
export const groups: Readonly<Record<string, MessageKey>> = {
  bind: 'help.bind',
  unbind: 'help.unbind',
  sessions: 'help.sessions',
  key: 'help.key',
  'key pin': 'help.key.pin',
  admin: 'help.admin',
  'admin user': 'help.admin.user',
  'admin token': 'help.admin.token',
}

export const commands: readonly CommandSpec[] = [
  {
    path: 'login',
    help: 'help.login',
    arguments: [{ name: 'username', help: 'help.argument.username' }],
    needs: 'server',
    run: async (context, given) =>
      (await import('../commands/login.ts')).run(context, { username: given.arguments.username }),
  },
  {
    path: 'logout',
    help: 'help.logout',
    options: [{ flags: '--all', help: 'help.option.all' }],
    needs: 'session',
    run: async (context, given) =>
      (await import('../commands/logout.ts')).run(context, { all: given.options.all === true }),
  },
  {
    path: 'status',
    help: 'help.status',
    needs: 'session',
    run: async context => (await import('../commands/status.ts')).run(context),
  },
  {
    path: 'passwd',
    help: 'help.passwd',
    options: [{ flags: '--link-file <file>', help: 'help.option.link-file' }],
    needs: 'server',
    run: async (context, given) =>
      (await import('../commands/passwd.ts')).run(context, { linkFile: text(given.options.linkFile) }),
  },
  {
    path: 'bind phone',
    help: 'help.bind.phone',
    arguments: [{ name: 'number', help: 'help.argument.number' }],
    needs: 'session',
    run: async (context, given) =>
      (await import('../commands/bind/phone.ts')).run(context, { phoneNumber: given.arguments.number }),
  },
  {
    path: 'bind email',
    help: 'help.bind.email',
    arguments: [{ name: 'address', help: 'help.argument.address' }],
    needs: 'session',
    run: async (context, given) =>
      (await import('../commands/bind/email.ts')).run(context, { emailAddress: given.arguments.address }),
  },
  {
    path: 'bind totp',
    help: 'help.bind.totp',
    options: [linkFileOption],
    needs: 'session',
    run: async (context, given) =>
      (await import('../commands/bind/totp.ts')).run(context, { linkFile: text(given.options.linkFile) }),
  },
  {
    path: 'bind wechat',
    help: 'help.bind.wechat',
    needs: 'session',
    run: async context => (await import('../commands/bind/wechat.ts')).run(context),
  },
  {
    path: 'bind webauthn',
    help: 'help.bind.webauthn',
    options: [{ flags: '--name <name>', help: 'help.option.name' }, linkFileOption],
    needs: 'session',
    run: async (context, given) =>
      (await import('../commands/bind/webauthn.ts')).run(context, {
        keyName: text(given.options.name),
        linkFile: text(given.options.linkFile),
      }),
  },
  unbind('phone'),
  unbind('email'),
  unbind('totp'),
  unbind('wechat'),
  {
    path: 'unbind webauthn',
    help: 'help.unbind.webauthn',
    arguments: [{ name: 'id', help: 'help.argument.key' }],
    needs: 'session',
    run: async (context, given) =>
      (await import('../commands/unbind.ts')).run(context, { item: 'webauthn', key: given.arguments.id }),
  },
  {
    path: 'recovery-codes',
    help: 'help.recovery-codes',
    needs: 'session',
    run: async context => (await import('../commands/recovery-codes.ts')).run(context),
  },
  {
    path: 'sessions list',
    help: 'help.sessions.list',
    needs: 'session',
    isDefault: true,
    run: async context => (await import('../commands/sessions.ts')).list(context),
  },
  {
    path: 'sessions revoke',
    help: 'help.sessions.revoke',
    arguments: [{ name: 'id', help: 'help.argument.session' }],
    options: [{ flags: '--others', help: 'help.option.others' }],
    needs: 'session',
    run: async (context, given) =>
      (await import('../commands/sessions.ts')).revoke(context, {
        sessionId: given.arguments.id,
        others: given.options.others === true,
      }),
  },
  {
    path: 'log',
    help: 'help.log',
    options: [
      { flags: '--limit <n>', help: 'help.option.limit' },
      { flags: '--before <next>', help: 'help.option.before' },
    ],
    needs: 'session',
    run: async (context, given) =>
      (await import('../commands/log.ts')).run(context, {
        limit: text(given.options.limit),
        before: text(given.options.before),
      }),
  },
  {
    path: 'key list',
    help: 'help.key.list',
    needs: 'nothing',
    run: async context => (await import('../commands/key/list.ts')).run(context),
  },
  {
    path: 'key info',
    help: 'help.key.info',
    arguments: [keyArgument],
    needs: 'nothing',
    run: async (context, given) =>
      (await import('../commands/key/info.ts')).run(context, { path: given.arguments.key }),
  },
  {
    path: 'key wink',
    help: 'help.key.wink',
    arguments: [keyArgument],
    needs: 'nothing',
    run: async (context, given) =>
      (await import('../commands/key/wink.ts')).run(context, { path: given.arguments.key }),
  },
  pin('set'),
  pin('change'),
  {
    path: 'key reset',
    help: 'help.key.reset',
    arguments: [keyArgument],
    options: [{ flags: '--confirm <word>', help: 'help.option.confirm' }],
    needs: 'nothing',
    run: async (context, given) =>
      (await import('../commands/key/reset.ts')).run(context, {
        path: given.arguments.key,
        confirm: text(given.options.confirm),
      }),
  },
  ...adminCommands,
  {
    path: 'doctor',
    help: 'help.doctor',
    needs: 'nothing',
    run: async context => (await import('../commands/doctor.ts')).run(context),
  },
  {
    path: 'demo',
    help: 'help.demo',
    needs: 'nothing',
    run: async context => (await import('../commands/demo.ts')).run(context),
  },
]

/** `hufu` alone, on a terminal. */
export const menu: CommandSpec = {
  path: '',
  help: 'help.description',
  needs: 'server',
  run: async context => (await import('../commands/menu.ts')).run(context),
}
