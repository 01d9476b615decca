import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { InputRequiredError } from '../../auth/errors.ts'
import type { ResultsFile } from '../../bulk/journal.ts'
import type { Format } from '../../bulk/read-rows.ts'
import { rebindFile } from '../../bulk/run.ts'
import { undoRun } from '../../bulk/undo.ts'
import type { BulkWorld } from '../../bulk/world.ts'
import type { Context } from '../../cli/context.ts'
import { longestBatch } from '../../contract/rebind.ts'
import { printable } from '../../lib/printable.ts'
import { CommandError } from '../command-error.ts'
import { withAuthority } from './authority.ts'
import { sayOutcome } from './rebind-outcome.ts'
import { createBulkScreen, rowWords } from './rebind-screen.ts'

/** What the command line says, not looked at yet. */
export interface RebindOptions {
  readonly file: string | undefined
  readonly undo: string | undefined
  readonly format: string | undefined
  readonly results: string | undefined
  readonly resultsFormat: string | undefined
  readonly journal: string | undefined
  readonly reason: string | undefined
  readonly batch: string | undefined
  readonly dryRun: boolean
  readonly skipInvalid: boolean
  readonly notify: boolean
}

const usualPatienceSeconds = 60

function formatOf(option: string, text: string | undefined): Format | undefined {
  if (text === undefined || text === 'csv' || text === 'ndjson') return text
  throw new CommandError('input_malformed', { source: option, expected: 'csv, ndjson' })
}

function batchOf(text: string | undefined, expected: string): number | undefined {
  if (text === undefined) return undefined
  const size = Number(text)
  if (/^\d{1,3}$/.test(text) && size >= 1 && size <= longestBatch) return size
  throw new CommandError('input_malformed', { source: '--batch', expected })
}

function resultsOf({ results, resultsFormat }: RebindOptions): ResultsFile | null {
  const named = formatOf('--results-format', resultsFormat)
  if (results === undefined) return null
  return { path: resolve(results), format: named ?? (/\.csv$/i.test(results) ? 'csv' : 'ndjson') }
}

function worldOf(context: Context): BulkWorld {
  const { api, clock, random, signal, terminal, timeoutSeconds } = context
  return {
    api,
    clock,
    random,
    signal,
    screen: createBulkScreen(context),
    patience: (timeoutSeconds ?? usualPatienceSeconds) * 1000,
    standardInput: () => createReadStream('', { fd: 0, autoClose: false }),
    authorise: (operation, value, call) => withAuthority(context, { operation, value }, call),
    words: (code, values, kind) => rowWords(code, values, terminal, kind),
  }
}

/** `hufu admin rebind`: checks a file whole, steps up once, applies it in batches, and goes on after any interruption. */
export async function run(context: Context, options: RebindOptions): Promise<void> {
  const { t } = context.terminal
  const { file, undo, journal, dryRun, skipInvalid, notify } = options
  const results = resultsOf(options)
  const format = formatOf('--format', options.format)
  const batchSize = batchOf(options.batch, t('expected.batch', { most: longestBatch }))
  const reason = options.reason?.trim() ?? ''
  // Before a journal is begun, which the server would then refuse for good.
  if (reason.length > 200 || printable(reason) !== reason)
    throw new CommandError('input_malformed', { source: '--reason', expected: t('expected.reason') })
  if (reason === '') throw new InputRequiredError('reason', ['--reason TEXT'])
  if ((file === undefined) === (undo === undefined)) throw new InputRequiredError('file', ['FILE', '--undo RUN'])
  const common = { journal, results, reason, notify, dryRun, batchSize }
  const world = worldOf(context)
  if (undo !== undefined) {
    if (!/^[A-Za-z0-9_-]{22}$/.test(undo)) {
      throw new CommandError('input_malformed', { source: '--undo', expected: t('expected.run') })
    }
    return sayOutcome(context, options, await undoRun({ runId: undo, ...common }, world))
  }
  if (file === undefined) return
  await sayOutcome(context, options, await rebindFile({ file, format, skipInvalid, ...common }, world))
}
