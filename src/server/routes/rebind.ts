import type { FastifyInstance } from 'fastify'
import * as rebind from '../../contract/rebind.ts'
import type { Services } from '../domain/services.ts'
import { serveOperation } from './serve-operation.ts'

/** Rows of all columns, each at its longest, with JSON around them. */
const longestBatchBody = rebind.longestBatch * 3_072
/** The digests of the longest run. */
const longestRunBody = 1_572_864

/** Serves bulk runs: files of rebindings, and their undoing. */
export function serveRebind(app: FastifyInstance, services: Services): void {
  const { runs, rebinding, undoing } = services
  serveOperation(
    app,
    services,
    rebind.checkRows,
    async ({ actor, body }) => ({ results: await rebinding.check(actor, body.rows) }),
    { longestBody: longestBatchBody },
  )
  serveOperation(app, services, rebind.startRun, ({ actor, body }) => runs.startRebind(actor, body), {
    longestBody: longestRunBody,
  })
  serveOperation(
    app,
    services,
    rebind.applyBatch,
    async ({ actor, params, body }) => ({
      results: await rebinding.apply(actor, params.run_id, Number(params.batch), body),
    }),
    { longestBody: longestBatchBody },
  )
  serveOperation(app, services, rebind.startUndo, ({ actor, body }) => runs.startUndo(actor, body))
  serveOperation(app, services, rebind.undoRows, ({ actor, params, body }) => undoing.undo(actor, params.run_id, body))
  serveOperation(app, services, rebind.previewUndo, ({ actor, params, query }) =>
    undoing.preview(actor, params.run_id, query),
  )
  serveOperation(app, services, rebind.finishRun, async ({ actor, params, body }) => ({
    run: await runs.finish(actor, params.run_id, body.run_secret),
  }))
  serveOperation(app, services, rebind.readRun, async ({ params }) => ({ run: await runs.read(params.run_id) }))
}
