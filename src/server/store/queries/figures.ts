import type { FigureQueries } from '../../domain/ports/store.ts'
import type { Handle } from '../handle.ts'

export const figureQueries = (db: Handle): FigureQueries => ({
  async backlog() {
    return db
      .selectFrom('outbox')
      .select(({ fn }) => [
        'channel',
        fn.countAll<number>().as('queued'),
        fn.min<number>('created_at').as('oldest_created_at'),
      ])
      .where('sent_at', 'is', null)
      .where('failed_at', 'is', null)
      .where('decoy', '=', 0)
      .groupBy('channel')
      .execute()
  },
})
