// Writes docs/openapi.json from the contract: `npm run openapi`. A test holds the file to it.
import { writeFile } from 'node:fs/promises'
import { build } from 'esbuild'

const root = new URL('../', import.meta.url)
const { outputFiles } = await build({
  entryPoints: [new URL('src/contract/openapi.ts', root).pathname],
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  write: false,
})
const { openApiDocument } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
)
await writeFile(new URL('docs/openapi.json', root), `${JSON.stringify(openApiDocument(), null, 2)}\n`)
