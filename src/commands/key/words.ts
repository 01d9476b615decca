import type { Terminal } from '../../cli/context.ts'
import type { Authenticator, CtapError } from '../../hid/index.ts'

/** What is wrong with a key, in a sentence that stands beside its name. */
export const whyUnusable = ({ code, details }: CtapError, t: Terminal['t']): string =>
  t(`error.${code}`, { detail: details.statusName ?? '', device: details.device ?? '' })

/** What a key is called, and where it is: one in software is called after its place. */
export const keyAt = ({ name, path }: Pick<Authenticator, 'name' | 'path'>, t: Terminal['t']): string =>
  name === path ? name : t('keys.at', { key: name, path })

/** What to do about a key that can't be used, where there is no udev rule to tell. */
export const whatNext = ({ code }: CtapError, t: Terminal['t']): string =>
  code === 'key_no_permission' ? t('keys.allow_elsewhere') : t(`next.${code}`)
