// Writes docs/hufud-config.schema.json from the schema of the configuration: `npm run config-schema`. A test holds the
// file to it.
import { writeFile } from 'node:fs/promises'
import { build } from 'esbuild'

const root = new URL('../', import.meta.url)
const { outputFiles } = await build({
  entryPoints: [new URL('src/server/config/file-schema.ts', root).pathname],
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  write: false,
})
const { configSchemaDocument } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
)
await writeFile(new URL('docs/hufud-config.schema.json', root), `${JSON.stringify(configSchemaDocument(), null, 2)}\n`)
