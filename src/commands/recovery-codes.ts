import type { Context } from '../cli/context.ts'
import { createRecoveryCodes } from '../contract/credentials.ts'
import { printable } from '../lib/printable.ts'

/** `hufu recovery-codes`: step up, then ten codes, shown this once. */
export async function run({ terminal, stepUp, api }: Context): Promise<void> {
  const { t } = terminal
  const { codes } = await stepUp.run('recovery_codes.create', undefined, proof =>
    api.call(createRecoveryCodes, { proof }),
  )
  terminal.say(t('recovery.title'))
  terminal.say(`\n${codes.map(code => `    ${terminal.paint('strong', printable(code))}`).join('\n')}\n`)
  terminal.say(t('recovery.keep'))
  terminal.result({ codes })
}
