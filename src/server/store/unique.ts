import type { Taken } from '../domain/ports/store.ts'

interface Write {
  executeTakeFirst(): Promise<{ numInsertedOrUpdatedRows?: bigint | undefined; numUpdatedRows?: bigint } | undefined>
}

const uniqueViolations = new Set(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', '23505'])

/** Whether a unique index refused a statement. */
export const isUniqueViolation = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && uniqueViolations.has(String(error.code))

/**
 * Runs a guarded write: `taken` when it changed no row or a unique index refused it.
 * @throws any other error.
 */
export async function takenOr(write: Write): Promise<Taken | undefined> {
  try {
    const result = await write.executeTakeFirst()
    return (result?.numInsertedOrUpdatedRows ?? result?.numUpdatedRows ?? 0n) > 0n ? undefined : 'taken'
  } catch (error) {
    if (isUniqueViolation(error)) return 'taken'
    throw error
  }
}
