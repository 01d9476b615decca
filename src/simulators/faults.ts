import type { LoopbackAnswer } from './loopback-server.ts'

/**
 * What goes wrong with an answer:
 * - `hang`, `cut`, `garbage`, `huge`: the request is served, and its answer never comes, ends in its middle, is no JSON,
 *   or has 10 MB: the worst case, in which what was asked for is done and nobody is told
 * - `status500`: the request is not served; HTTP status 500, and HTML in place of an answer
 * - `throttle`: the request is not served; the service's answer to those who ask too often
 * - `code`: the request is not served; the service's answer with this error code
 */
export type Fault = 'hang' | 'cut' | 'garbage' | 'huge' | 'status500' | 'throttle' | { readonly code: string }

/** The faults that every simulator of a service can be made to have. */
export interface Faults {
  /** Lets the next `times` requests fail. */
  failNext(fault: Fault, times?: number): void
  /** Answers one request: as `serve` does, or with the fault that is due. */
  answer(serve: () => LoopbackAnswer): LoopbackAnswer
}

const hugeLength = 10 * 1024 * 1024

/** @param answers how the service answers errors, `throttle`: to those who ask too often */
export function createFaults(answers: {
  readonly throttle: () => LoopbackAnswer
  readonly error: (code: string) => LoopbackAnswer
}): Faults {
  const due: Fault[] = []
  return {
    failNext: (fault, times = 1) => {
      due.push(...Array.from({ length: times }, () => fault))
    },
    answer: serve => {
      const fault = due.shift()
      if (fault === undefined) return serve()
      if (fault === 'throttle') return answers.throttle()
      if (fault === 'status500')
        return { status: 500, contentType: 'text/html', body: '<h1>Internal Server Error</h1>' }
      if (typeof fault === 'object') return answers.error(fault.code)
      return spoiled(serve(), fault)
    },
  }
}

function spoiled(answer: LoopbackAnswer, fault: 'hang' | 'cut' | 'garbage' | 'huge'): LoopbackAnswer {
  if (fault === 'garbage') return { ...answer, body: answer.body.slice(0, -1) }
  if (fault === 'huge') return { ...answer, body: answer.body + ' '.repeat(hugeLength) }
  return { ...answer, broken: fault }
}
