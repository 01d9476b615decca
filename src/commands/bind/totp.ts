import type { Context } from '../../cli/context.ts'
import { beginTotpBinding } from '../../contract/bindings.ts'
import { bindByLink } from './by-link.ts'
import { proveByCode, sayBound } from './code.ts'

/** In groups of four, as people copy it. */
const readable = (secret: string): string => secret.match(/.{1,4}/g)?.join(' ') ?? secret

/**
 * `hufu bind totp [--link-file FILE]`: step up, or open the one-time link; scan the QR code with an authenticator app,
 * type the code that it shows.
 */
export async function run(context: Context, { linkFile }: { linkFile?: string | undefined } = {}): Promise<void> {
  const { terminal, stepUp, api } = context
  const { t } = terminal
  const bind = async (proof: string) => {
    const { binding_id, uri, secret, expires_at } = await api.call(beginTotpBinding, { proof })
    terminal.event('qr', { item: 'totp', payload: uri, secret, expires_at })
    await terminal.qr(uri, [t('totp.scan'), t('totp.secret', { secret: readable(secret) })])
    return proveByCode(context, { binding_id, channel: 'totp' })
  }
  const bound =
    linkFile === undefined
      ? await stepUp.run('totp.bind', undefined, bind)
      : await bindByLink(context, linkFile, 'totp', bind)
  sayBound(context, bound)
}
