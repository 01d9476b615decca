import type { Terminal } from '../../cli/context.ts'
import type { CtapError } from '../../hid/index.ts'

/** What is wrong with a key, in a sentence that stands beside its name. */
export const whyUnusable = ({ code, details }: CtapError, t: Terminal['t']): string =>
  t(`error.${code}`, { detail: details.statusName ?? '', device: details.device ?? '' })
