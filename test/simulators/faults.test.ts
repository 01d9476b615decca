import { afterEach, expect, it } from 'vitest'
import { createFaults, type Fault, type Faults } from '../../src/simulators/faults.ts'
import { json, type LoopbackServer, startLoopbackServer } from '../../src/simulators/loopback-server.ts'

let server: LoopbackServer | undefined
let served = 0

afterEach(() => server?.close())

async function start(): Promise<Faults> {
  served = 0
  const faults = createFaults({ throttle: () => json({ throttled: true }, 429), error: code => json({ code }, 400) })
  server = await startLoopbackServer(1024, ({ headers }) =>
    faults.answer(() => {
      served += 1
      return json({ served: headers['x-name'] })
    }),
  )
  return faults
}

const ask = async (signal: AbortSignal | null = null): Promise<{ status: number; text: string }> => {
  const answer = await fetch(server?.origin ?? '', { headers: { 'x-name': 'x' }, signal })
  return { status: answer.status, text: await answer.text() }
}

it.each([
  ['garbage', 200, '{"served":"x"', 1],
  ['status500', 500, '<h1>Internal Server Error</h1>', 0],
  ['throttle', 429, '{"throttled":true}', 0],
  [{ code: 'Broken' }, 400, '{"code":"Broken"}', 0],
] as const satisfies readonly (readonly [Fault, number, string, number])[])(
  'answers with %j once, then as ever',
  async (fault, status, text, times) => {
    const faults = await start()
    faults.failNext(fault)
    expect(await ask()).toEqual({ status, text })
    expect(served).toBe(times)
    expect(await ask()).toEqual({ status: 200, text: '{"served":"x"}' })
  },
)

it('serves the request and gives 10 MB more than is its answer', async () => {
  const faults = await start()
  faults.failNext('huge')
  const { text } = await ask()
  expect(text).toHaveLength(10 * 1024 * 1024 + 14)
  expect(JSON.parse(text)).toEqual({ served: 'x' })
})

it('serves the request and cuts its answer, as often as is said', async () => {
  const faults = await start()
  faults.failNext('cut', 2)
  await expect(ask()).rejects.toThrow()
  await expect(ask()).rejects.toThrow()
  expect(served).toBe(2)
  expect((await ask()).status).toBe(200)
})

it('serves the request and says nothing', async () => {
  const faults = await start()
  faults.failNext('hang')
  const ending = new AbortController()
  const answer = ask(ending.signal)
  await expect.poll(() => served).toBe(1)
  ending.abort()
  await expect(answer).rejects.toThrow()
})
