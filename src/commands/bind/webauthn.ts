import type { Context } from '../../cli/context.ts'
import { beginWebAuthnBinding, finishWebAuthnBinding } from '../../contract/bindings.ts'
import { bindByLink } from './by-link.ts'
import { sayBound } from './code.ts'

/**
 * `hufu bind webauthn [--name NAME] [--link-file FILE]`: step up, or open the one-time link; plug in the key, touch it
 * while it blinks.
 */
export async function run(
  context: Context,
  { keyName, linkFile }: { keyName: string | undefined; linkFile?: string | undefined },
): Promise<void> {
  const { terminal, stepUp, input, api, webauthn } = context
  const bind = async (proof: string) => {
    terminal.note(terminal.t('webauthn.insert'))
    const key_name = await input.keyName(keyName)
    const body = key_name === undefined ? {} : { key_name }
    const { binding_id, options } = await api.call(beginWebAuthnBinding, { body, proof })
    const credential = await webauthn.create(options)
    return api.call(finishWebAuthnBinding, { params: { binding_id }, body: { credential } })
  }
  const bound =
    linkFile === undefined
      ? await stepUp.run('webauthn.bind', undefined, bind)
      : await bindByLink(context, linkFile, 'webauthn', bind)
  sayBound(context, bound)
}
