import { isOfSchema } from '../contract/check.ts'
import type { AnswerOf, Operation } from '../contract/operation.ts'
import { printable } from '../lib/printable.ts'
import { ApiError } from './errors.ts'
import type { HttpAnswer } from './exchange.ts'

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const mediaType = (answer: HttpAnswer): string =>
  (answer.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''

function parseJson(answer: HttpAnswer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer.body))
  } catch {
    throw new ApiError('answer_malformed', { status: answer.status, detail: 'The answer is no JSON.' })
  }
}

/** Seconds of a `Retry-After` header (RFC 9110 section 10.2.3). Its date form, which hufud does not use, is ignored. */
function retryAfter(answer: HttpAnswer): number | undefined {
  const header = answer.header('retry-after') ?? ''
  return /^\d{1,9}$/.test(header) ? Number(header) : undefined
}

function problemError(answer: HttpAnswer): ApiError {
  const { status } = answer
  const problem = mediaType(answer) === 'application/problem+json' ? parseJson(answer) : undefined
  if (!isRecord(problem) || typeof problem.code !== 'string') {
    return new ApiError('answer_malformed', { status, detail: `HTTP ${status}, without a problem document.` })
  }
  const text = [problem.detail, problem.title].find(member => typeof member === 'string' && member !== '')
  return new ApiError(printable(problem.code).slice(0, 64), {
    status,
    ...(typeof text === 'string' ? { detail: printable(text).slice(0, 1000) } : {}),
    retryAfterSeconds: retryAfter(answer),
    problem,
  })
}

/** From this many bytes on, compiling a schema takes less time than interpreting it. */
const longBytes = 16 * 1024

async function checkFor({ body }: HttpAnswer): Promise<typeof isOfSchema> {
  if (body.length < longBytes) return isOfSchema
  return (await import('../contract/compiled-check.ts')).isOfSchemaCompiled
}

/**
 * The checked answer of `operation` (RFC 9457 for refusals).
 * @throws {ApiError} with the code of a problem document; `answer_malformed` when the answer is not of the contract.
 */
export async function readAnswer<O extends Operation>(operation: O, answer: HttpAnswer): Promise<AnswerOf<O>>
export async function readAnswer(operation: Operation, answer: HttpAnswer): Promise<unknown> {
  const { status } = answer
  if (status >= 400) throw problemError(answer)
  if (status !== operation.status) {
    throw new ApiError('answer_malformed', { status, detail: `HTTP ${status} in place of ${operation.status}.` })
  }
  if (!operation.answer) return undefined
  if (mediaType(answer) !== 'application/json') {
    throw new ApiError('answer_malformed', { status, detail: 'The answer is no JSON.' })
  }
  const value = parseJson(answer)
  const isOf = await checkFor(answer)
  if (!isOf(operation.answer, value)) {
    throw new ApiError('answer_malformed', { status, detail: `This is no answer to ${operation.id}.` })
  }
  return value
}
