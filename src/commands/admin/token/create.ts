import type { Context } from '../../../cli/context.ts'
import { createToken } from '../../../contract/admin-tokens.ts'
import { type ServiceScope, serviceScopes } from '../../../contract/schemas.ts'
import { timeOf, wallTime } from '../../../lib/clock.ts'
import { printable } from '../../../lib/printable.ts'
import { asked } from '../asked.ts'
import { intoSecretFile } from '../secret-file.ts'
import { durationOf } from '../times.ts'

const shortest = 60_000
const longest = 366 * 24 * 60 * 60_000

/** The scopes of `rebind,audit`, sorted; none where one of them is no scope. */
function scopesOf(text: string): ServiceScope[] {
  const named = text.split(',').map(each => serviceScopes.find(scope => scope === each.trim()))
  const known = named.filter(scope => scope !== undefined)
  return known.length === named.length ? [...new Set(known)].sort() : []
}

/** Milliseconds of `30d`, where it is no shorter and no longer than a token may live. */
function lifetimeOf(text: string): number | undefined {
  const lifetime = durationOf(text)
  return lifetime !== undefined && lifetime >= shortest && lifetime <= longest ? lifetime : undefined
}

export interface Wanted {
  readonly name: string | undefined
  readonly scope: string | undefined
  readonly expires: string | undefined
  readonly output: string | undefined
}

async function complete(context: Context, { name, scope, expires }: Wanted) {
  const { t } = context.terminal
  const wantedName = await asked(context, name, {
    missing: 'token_name',
    option: 'NAME',
    words: t('ask.token_name'),
    expected: t('expected.token_name'),
    isRight: text => text.trim() !== '' && text.length <= 64,
  })
  const scopes = await asked(context, scope, {
    missing: 'token_scopes',
    option: '--scope',
    words: t('ask.token_scopes'),
    expected: t('expected.scopes', { scopes: serviceScopes.join(t('list.and')) }),
    isRight: text => scopesOf(text).length > 0,
  })
  const lifetime = await asked(context, expires, {
    missing: 'token_lifetime',
    option: '--expires',
    words: t('ask.token_lifetime'),
    expected: t('expected.lifetime'),
    isRight: text => lifetimeOf(text) !== undefined,
  })
  return { name: wantedName, scopes: scopesOf(scopes), lifetime: (lifetimeOf(lifetime) ?? shortest) / 1000 }
}

/**
 * `hufu admin token create NAME --scope rebind --expires 30d`: a token for scripts. It alone goes to stdout, or into the
 * file `--output`; words about it go to stderr.
 */
export async function run(context: Context, wanted: Wanted): Promise<void> {
  const { terminal, api, stepUp } = context
  const { t } = terminal
  const body = await complete(context, wanted)
  const { output } = wanted
  const make = () => stepUp.run('token.create', body.scopes.join(' '), proof => api.call(createToken, { body, proof }))
  const made = output === undefined ? await make() : await intoSecretFile(output, make, ({ token }) => token)
  const { token, ...entry } = made
  // Whoever reads JSON has the token there; a record of stderr should not have it, too.
  if (output === undefined && !terminal.json) terminal.sayWhole(printable(token))
  const values = {
    name: entry.name,
    scopes: entry.scopes.join(t('list.and')),
    time: wallTime(timeOf(entry.expires_at)),
  }
  const said =
    output === undefined ? t('admin.token.made', values) : t('admin.token.made_filed', { ...values, file: output })
  terminal.aside(`${terminal.paint('good', '✓')} ${said}`)
  terminal.aside(t('admin.token.use'))
  terminal.aside(`  ${printable(`hufu admin token revoke ${entry.id}`)}`)
  terminal.result({ ...(output === undefined ? { token } : { file: output }), ...entry })
}
