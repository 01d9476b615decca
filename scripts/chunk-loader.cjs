// Loads the chunks of a built program. It is `require` with V8's code cache: what was compiled when the cache was made
// is not compiled again. V8 refuses a cache of another version or of another source by itself, and compiles.
'use strict'

const { readFileSync } = require('node:fs')
const { resolve, dirname } = require('node:path')
const { Script } = require('node:vm')

const modules = new Map()
const scripts = new Map()

function readCache(file) {
  try {
    return readFileSync(`${file}.cache`)
  } catch {
    return undefined
  }
}

/** The exports of the chunk `id`, relative to `folder`; it runs once. */
function load(folder, id) {
  const file = resolve(folder, id)
  const known = modules.get(file)
  if (known) return known.exports
  const module = { exports: {} }
  modules.set(file, module)
  const code = `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'utf8')}\n})`
  const script = new Script(code, { filename: file, cachedData: readCache(file) })
  scripts.set(file, script)
  const beside = dirname(file)
  const requireBeside = name => (name.startsWith('.') ? load(beside, name) : require(name))
  script.runInThisContext()(module.exports, requireBeside, module, file, beside)
  return module.exports
}

module.exports = { load, scripts }
