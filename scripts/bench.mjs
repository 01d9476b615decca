// Bundles bench/ into .bench/, from where its packages are found in node_modules as they are, and runs it.
import { spawn } from 'node:child_process'
import { copyFile, readdir } from 'node:fs/promises'
import { build } from 'esbuild'

const root = new URL('../', import.meta.url)
const at = path => new URL(path, root).pathname
const outdir = at('.bench')
const programs = (await readdir(at('bench/programs'))).map(name => `bench/programs/${name}`)

await build({
  absWorkingDir: at('.'),
  entryPoints: ['bench/main.ts', ...programs],
  outbase: 'bench',
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  logLevel: 'warning',
})
// It is started by its path, beside whoever starts it.
await copyFile(at('test/support/postgres-keeper.mjs'), `${outdir}/postgres-keeper.mjs`)
const bench = spawn(process.execPath, [`${outdir}/main.mjs`, ...process.argv.slice(2)], { stdio: 'inherit' })
bench.on('exit', code => {
  process.exitCode = code ?? 1
})
