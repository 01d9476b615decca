// Builds dist/: for each bin/NAME.ts a small CommonJS executable dist/NAME.cjs, which loads the ES modules that the
// rest is bundled into, split so that a command loads no more than it runs. Start-up time is what decides here: a
// program of a hundred modules unbundled takes ten times as long to begin.
import { chmod, readdir, readFile, rm } from 'node:fs/promises'
import { build } from 'esbuild'

const root = new URL('../', import.meta.url)
const at = path => new URL(path, root).pathname
const { version } = JSON.parse(await readFile(at('package.json'), 'utf8'))

/** Packages with native parts, or which look for their files at run time. */
const external = ['node-hid', 'better-sqlite3', 'argon2', 'fido2-lib', 'pg-native']

const common = {
  absWorkingDir: at('.'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  charset: 'utf8',
  sourcemap: 'external',
  legalComments: 'none',
  logLevel: 'warning',
  define: { HUFU_VERSION: JSON.stringify(version) },
}

/**
 * conf imports ajv to check configurations against a schema, and semver to migrate them. We give it neither schema nor
 * migrations, and ajv takes 29 ms to load, semver 5: more than the rest of a command's start. conf makes its Ajv only
 * when there is a schema, and calls semver only when there are migrations.
 */
const leanConf = {
  name: 'lean-conf',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(ajv|ajv-formats|semver)(\/|$)/ }, ({ importer, path }) =>
      /[\\/]node_modules[\\/]conf[\\/]/.test(importer) ? { path, namespace: 'empty' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'empty' }, () => ({
      contents: 'export const Ajv2020 = undefined; export default undefined',
    }))
  },
}

/** In an executable, `../src/cli/main.ts` is the module `./cli/main.mjs` beside it, loaded when it is asked for. */
const programBeside = {
  name: 'program-beside',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\/src\/.*\.ts$/ }, ({ path, importer }) =>
      /[\\/]bin[\\/]/.test(importer)
        ? { path: path.replace(/^\.\.\/src\//, './').replace(/\.ts$/, '.mjs'), external: true }
        : undefined,
    )
  },
}

const executables = (await readdir(at('bin'))).filter(name => name.endsWith('.ts'))
const sources = await Promise.all(executables.map(name => readFile(at(`bin/${name}`), 'utf8')))
const programs = [
  ...new Set(sources.flatMap(text => [...text.matchAll(/import\('\.\.\/(src\/[^']+)'\)/g)].map(m => m[1]))),
]

await rm(at('dist'), { recursive: true, force: true })
await build({
  ...common,
  entryPoints: programs,
  outbase: 'src',
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  splitting: true,
  external,
  plugins: [leanConf],
  // For the CommonJS packages in the bundle, whose `require` of node's own modules stays as it is.
  banner: {
    js: "import { createRequire as hufuRequire } from 'node:module'; const require = hufuRequire(import.meta.url);",
  },
})
await build({
  ...common,
  entryPoints: executables.map(name => `bin/${name}`),
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  sourcemap: false,
  plugins: [programBeside],
  banner: { js: '#!/usr/bin/env node' },
})
for (const name of executables) await chmod(at(`dist/${name.replace(/\.ts$/, '.cjs')}`), 0o755)
