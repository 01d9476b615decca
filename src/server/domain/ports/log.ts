/** Where the domain tells the operator what no request answers for. Never a secret, a code or a destination. */
export interface Log {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
}

/**
 * An error for the log. Of one that the code did not foresee nothing but its kind and place: its text may quote what it
 * stumbled over.
 */
export function unforeseen(error: unknown): { error: string; at: string | undefined } {
  if (!(error instanceof Error)) return { error: 'unknown', at: undefined }
  return {
    error: error.name,
    at: error.stack
      ?.split('\n')
      .find(line => /^\s+at /.test(line))
      ?.trim(),
  }
}
