import type { Domain } from './domain.ts'

/** Counts a push or receipt that was not taken. @returns how it is to be answered */
export async function refusePush(
  { counters }: Pick<Domain, 'counters'>,
  { path, reason }: { readonly source: string; readonly path: string; readonly reason: string },
): Promise<'refused' | 'throttled'> {
  counters.count('pushes_refused', { path, reason })
  return 'refused'
}
