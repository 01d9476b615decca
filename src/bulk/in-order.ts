/**
 * Works on items, some at once, and settles them one after the other in their order.
 * @param width how many are worked on at once, at most
 * @param work is given up by its signal when another has failed
 * @throws what the first to fail threw, after all others have ended
 */
export async function inOrder<T, R>(
  items: AsyncIterable<T>,
  width: number,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  settle: (item: T, result: R) => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const under: { readonly item: T; readonly result: Promise<R> }[] = []
  const settleFirst = async () => {
    const first = under[0]
    if (!first) return
    await settle(first.item, await first.result)
    under.shift()
  }
  try {
    for await (const item of items) {
      if (under.length >= width) await settleFirst()
      const result = work(item, stop.signal)
      // Whether it fails is looked at when its turn comes.
      result.catch(() => {})
      under.push({ item, result })
    }
    while (under.length > 0) await settleFirst()
  } finally {
    stop.abort()
    await Promise.allSettled(under.map(({ result }) => result))
  }
}
