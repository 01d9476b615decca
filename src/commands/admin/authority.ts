import type { Context } from '../../cli/context.ts'
import type { StepUpOperation } from '../../contract/schemas.ts'

/** What a call carries beside its own members: a proof, or nothing where a token stands in its place. */
export type Proven = { readonly proof?: string }

/**
 * Makes a change with an admin's authority: that of the service token where one was given, else by a step-up of the
 * person who is logged in, for this very value.
 * @throws what `StepUp.run` and `call` throw
 */
export const withAuthority = <T>(
  { hasToken, stepUp }: Pick<Context, 'hasToken' | 'stepUp'>,
  { operation, value }: { operation: StepUpOperation; value: string },
  call: (proven: Proven) => Promise<T>,
): Promise<T> => (hasToken ? call({}) : stepUp.run(operation, value, proof => call({ proof })))
