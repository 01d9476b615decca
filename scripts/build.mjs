// Builds dist/: for each bin/NAME.ts an executable dist/NAME.cjs, and beside it the program, bundled and split so that a
// command loads no more than it runs. What decides here is start-up time: a program of a hundred modules unbundled takes
// ten times as long to begin, and compiling what is left takes longer than all else. So the chunks are CommonJS, which
// node loads in a third of the time of ES modules, and each has V8's code cache beside it (docs/adr/0002-code-cache.md).
import { spawn } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { build, transform } from 'esbuild'

const root = new URL('../', import.meta.url)
const at = path => new URL(path, root).pathname
const { version } = JSON.parse(await readFile(at('package.json'), 'utf8'))

/** Packages with native parts, or which look for their files at run time. */
const external = ['@napi-rs/keyring', 'node-hid', 'better-sqlite3', 'argon2', 'fido2-lib', 'pg-native']

const common = {
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  charset: 'utf8',
  legalComments: 'none',
}

/**
 * What conf and commander import for features that we do not use: of conf a schema to check (ajv, 29 ms to load),
 * migrations (semver, 5), encryption (node:crypto, 5) and node:assert (3) for one comparison; of commander subcommands
 * that are programs of their own (node:child_process, 4). Together as much as the rest of a command's start.
 */
const withoutUnused = {
  conf: {
    ajv: 'export const Ajv2020 = undefined; export default undefined',
    'ajv-formats': 'export default undefined',
    semver: 'export default undefined',
    'node:crypto': 'export default undefined',
    'node:assert': `import { isDeepStrictEqual } from 'node:util'
      export default { deepEqual(a, b) { if (!isDeepStrictEqual(a, b)) throw new Error('they differ') } }`,
  },
  commander: { 'node:child_process': 'module.exports = {}' },
}
const lean = {
  name: 'lean',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(ajv|ajv-formats|semver|node:.*)(\/|$)/ }, ({ importer, path }) => {
      const from = /[\\/]node_modules[\\/](conf|commander)[\\/]/.exec(importer)?.[1]
      const name = path.replace(/^(ajv|semver)\/.*/, '$1')
      return withoutUnused[from]?.[name] ? { path: `${from} ${name}`, namespace: 'lean' } : undefined
    })
    onLoad({ filter: /.*/, namespace: 'lean' }, ({ path }) => {
      const [from, name] = path.split(' ')
      return { contents: withoutUnused[from][name], resolveDir: at('.') }
    })
  },
}

const executables = (await readdir(at('bin'))).filter(name => name.endsWith('.ts'))
const sources = new Map()
for (const name of executables) sources.set(name, await readFile(at(`bin/${name}`), 'utf8'))
const programs = [...sources.values()].flatMap(text =>
  [...text.matchAll(/import\('\.\.\/(src\/[^']+)'\)/g)].map(([, program]) => program),
)

const toCommonJs = (code, banner) =>
  transform(code, {
    ...common,
    loader: 'ts',
    format: 'cjs',
    // What is loaded on demand is loaded by the same `require`, and so from the cache, too.
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'hufuModuleUrl', HUFU_VERSION: JSON.stringify(version) },
    ...(banner ? { banner } : {}),
  })

const moduleUrl = "const hufuModuleUrl = require('node:url').pathToFileURL(__filename).href;"

await rm(at('dist'), { recursive: true, force: true })
const { outputFiles } = await build({
  ...common,
  absWorkingDir: at('.'),
  entryPoints: programs,
  bundle: true,
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  splitting: true,
  logLevel: 'warning',
  external,
  plugins: [lean],
  define: { HUFU_VERSION: JSON.stringify(version) },
  write: false,
})
for (const { path, text } of outputFiles) {
  const { code } = await toCommonJs(text, text.includes('import.meta.url') ? moduleUrl : undefined)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path.replace(/\.js$/, '.cjs'), code.replace(/require\("(\.[^"]*)\.js"\)/g, 'require("$1.cjs")'))
}

const loader = await readFile(at('scripts/chunk-loader.cjs'), 'utf8')
await writeFile(at('dist/chunk-loader.cjs'), loader)
for (const [name, source] of sources) {
  const beside = source.replace(/import\('\.\.\/src\/([^']+)\.ts'\)/g, "import('./$1.cjs')")
  const { code } = await toCommonJs(beside)
  const loading = code.replace(/require\("(\.\/[^"]+)"\)/g, 'require("./chunk-loader.cjs").load(__dirname, "$1")')
  const file = at(`dist/${name.replace(/\.ts$/, '.cjs')}`)
  await writeFile(file, `#!/usr/bin/env node\n${loading}`)
  await chmod(file, 0o755)
}

// Without the cache all works, only later: a failure here is told and forgiven.
await new Promise(resolve => {
  const warming = spawn(process.execPath, [at('scripts/warm-code-cache.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  warming.once('close', status => {
    if (status !== 0) process.stderr.write('The code cache was not made: the programs will start more slowly.\n')
    resolve()
  })
})
