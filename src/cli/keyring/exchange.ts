import type { KeyringFault } from './fault.ts'

/** The name under which hufu's entries lie in the keyring. */
export const keyringService = 'hufu'

/** What the program of `answer.ts` is asked to do, one line of JSON on its stdin. */
export type KeyringRequest = {
  readonly account: string
  /** Whether a person is there to unlock it. Where none is, nothing is done that would open a window. */
  readonly mayPrompt: boolean
} & ({ readonly do: 'look' | 'read' | 'remove' } | { readonly do: 'write'; readonly secret: string })

/**
 * Its answers, a line of JSON each: `alive` as soon as it is known that what follows may wait for the person, and last
 * `done` or `fault`.
 */
export type KeyringAnswer =
  | { readonly state: 'alive' }
  | { readonly state: 'done'; readonly secret: string | null }
  | { readonly state: 'fault'; readonly fault: KeyringFault }
