// What a script gives as --code-command: prints the code that has just been sent. CODE_SOURCES says, as JSON, where to
// look for each purpose: {"outbox": URL, "login"|"step_up"|"bind": {"to": ADDRESS, "after": COUNT} | {"file": PATH}}.
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const { HUFU_CODE_PURPOSE, HUFU_CODE_CHANNEL, CODE_SOURCES } = process.env
const sources = JSON.parse(CODE_SOURCES)
const source = sources[`${HUFU_CODE_PURPOSE}:${HUFU_CODE_CHANNEL}`]
if (!source) throw new Error(`no source for ${HUFU_CODE_PURPOSE} by ${HUFU_CODE_CHANNEL}`)

async function look() {
  if (source.file) return existsSync(source.file) ? readFileSync(source.file, 'utf8') : undefined
  const answer = await fetch(`${sources.outbox}?to=${encodeURIComponent(source.to)}`)
  const codes = (await answer.json()).filter(({ code }) => code !== null)
  return codes.length > source.after ? codes[0].code : undefined
}

const deadline = Date.now() + 15_000
let code = await look()
while (!code && Date.now() < deadline) {
  await delay(30)
  code = await look()
}
if (!code) throw new Error('no code came')
console.log(code)
