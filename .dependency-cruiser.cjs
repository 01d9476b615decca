// The dependency rule of ARCHITECTURE.md. Everything that is not allowed here is forbidden: each rule names what a
// folder may import, and `not-allowed` catches the rest. test/house.test.ts plants forbidden imports to prove it.

/** Folders of src, and what each may import besides itself. */
const mayImport = {
  cli: ['commands', 'auth', 'api', 'hid', 'contract', 'lib'],
  commands: ['auth', 'bulk', 'api', 'contract', 'lib'],
  bulk: ['api', 'contract', 'lib'],
  auth: ['api', 'contract', 'lib'],
  api: ['contract', 'lib'],
  hid: ['lib'],
  contract: [],
  simulators: ['lib'],
  server: ['contract', 'lib'],
  lib: [],
}

const withinSource = Object.entries(mayImport).map(([folder, targets]) => ({
  name: `${folder}-imports-only-${targets.join('-') || 'itself'}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    path: '^src/',
    pathNot: [
      `^src/${folder}/`,
      ...targets.map(target => `^src/${target}/`),
      ...(folder === 'auth' ? ['^src/hid/index\\.ts$'] : []),
      ...(folder === 'commands' ? ['^src/cli/context\\.ts$', '^src/hid/'] : []),
      ...(folder === 'server' ? ['^src/simulators/'] : []),
    ],
  },
}))

/** A package, and the only files that may import it. */
const onlyIn = {
  inquirer: '^src/cli/terminal/',
  '@inquirer': '^src/cli/terminal/',
  ora: '^src/cli/terminal/',
  chalk: '^src/cli/terminal/',
  'qrcode-terminal': '^src/cli/terminal/',
  conf: '^src/cli/profile\\.ts$',
  '@napi-rs/keyring': '^src/cli/keyring/answer\\.ts$',
  'https-proxy-agent': '^src/api/tunnel\\.ts$',
  commander: '^src/(cli|server)/',
  i18next: '^src/(cli|server)/messages/',
  'node-hid': '^src/hid/transports/',
  undici: '^src/server/providers/',
  kysely: '^src/server/store/',
  'better-sqlite3': '^src/server/store/',
  pg: '^src/server/store/',
  'csv-parse': '^src/bulk/',
  'csv-stringify': '^src/bulk/',
  argon2: '^src/server/domain/passwords/',
  '@zxcvbn-ts/language-common': '^src/server/domain/passwords/',
  nodemailer: '^src/server/providers/smtp/',
  yaml: '^src/server/config/',
  'prom-client': '^src/server/metrics/',
  fastify: '^src/server/',
  '@fastify': '^src/server/',

  'fido2-lib': '^src/server/domain/webauthn/',
  typebox: '^src/(contract|server)/',
}

module.exports = {
  forbidden: [
    ...withinSource,
    {
      name: 'bin-imports-cli-and-server',
      severity: 'error',
      from: { path: '^bin/' },
      to: { path: '^src/', pathNot: ['^src/cli/', '^src/server/'] },
    },
    {
      name: 'commands-take-only-types-of-the-context',
      severity: 'error',
      from: { path: '^src/commands/' },
      to: { path: '^src/cli/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'hid-only-in-commands-key',
      severity: 'error',
      from: { path: '^src/commands/', pathNot: '^src/commands/key/' },
      to: { path: '^src/hid/' },
    },
    {
      name: 'contract-imports-only-the-schema-library',
      severity: 'error',
      from: { path: '^src/contract/' },
      to: { pathNot: ['^src/contract/', '^node_modules/typebox/'] },
    },
    {
      name: 'routes-reach-the-store-and-providers-through-the-domain',
      severity: 'error',
      from: { path: '^src/server/routes/' },
      to: { path: '^src/server/(store|providers)/' },
    },
    {
      name: 'domain-knows-only-ports',
      severity: 'error',
      from: { path: '^src/server/domain/' },
      to: { path: '^src/server/(store|providers|routes)/', pathNot: ['^src/server/store/schema\\.ts$'] },
    },
    {
      name: 'only-the-composition-names-stores-and-providers',
      severity: 'error',
      from: {
        path: '^src/server/',
        pathNot: ['^src/server/(app|open-providers)\\.ts$', '^src/server/(store|providers|ephemeral)/'],
      },
      to: { path: '^src/server/(store|providers)/', pathNot: ['^src/server/store/schema\\.ts$'] },
    },
    {
      name: 'store-and-providers-know-no-routes',
      severity: 'error',
      from: { path: '^src/server/(store|providers)/' },
      to: { path: '^src/server/(routes|app\\.ts)' },
    },
    {
      name: 'only-the-ephemeral-server-starts-simulators',
      severity: 'error',
      from: { path: '^src/server/', pathNot: '^src/server/ephemeral/' },
      to: { path: '^src/simulators/' },
    },
    ...Object.entries(onlyIn).map(([name, path]) => ({
      name: `${name.replace('@', '')}-only-in-its-place`,
      severity: 'error',
      from: { path: '^(src|bin)/', pathNot: path },
      to: { path: `^node_modules/${name}(/|$)` },
    })),
    { name: 'no-cycles', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    // A package is known by its place in node_modules, also where that folder is a link.
    preserveSymlinks: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
