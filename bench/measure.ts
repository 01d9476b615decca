/** What a figure reports. `ratio` is taken within one run, both sides in turn. */
export interface Figure {
  readonly name: string
  readonly what: string
  readonly ratio?: number
  /** `{ least }` or `{ most }`; `null` where there is nothing to meet. */
  readonly target: { readonly least: number } | { readonly most: number } | null
  readonly met: boolean | null
  readonly raw: Readonly<Record<string, unknown>>
}

export const round = (value: number, digits = 3): number => Number(value.toFixed(digits))

/** The value below which `share` (0 to 1) of `values` lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 ? middle : middle - 1], sorted[middle]]
  return (low + high) / 2
}

type Measurement = () => Promise<number>

export interface Compared {
  /** The median of the rounds' ratios, subject over base. */
  readonly ratio: number
  /** Medians of either side. */
  readonly subject: number
  readonly base: number
  readonly rounds: number
}

/**
 * Measures both sides once per round, the order changing from round to round, after one round that does not count.
 * A round's two measurements lie next to each other, so that a busy moment of the machine falls on both.
 */
export async function compare(rounds: number, subject: Measurement, base: Measurement): Promise<Compared> {
  await subject()
  await base()
  const subjects: number[] = []
  const bases: number[] = []
  for (let index = 0; index < rounds; index++) {
    const order = [async () => subjects.push(await subject()), async () => bases.push(await base())]
    if (index % 2) order.reverse()
    for (const measure of order) await measure()
  }
  const ratios = subjects.map((value, index) => value / (bases[index] ?? Number.NaN))
  return { ratio: median(ratios), subject: median(subjects), base: median(bases), rounds }
}

/** A figure of a comparison that has a target. */
export function judged(
  name: string,
  what: string,
  compared: Compared,
  target: { least: number } | { most: number },
  units: { subject: string; base: string },
  more: Readonly<Record<string, unknown>> = {},
): Figure {
  const { ratio, rounds } = compared
  return {
    name,
    what,
    ratio: round(ratio),
    target,
    met: 'least' in target ? ratio >= target.least : ratio <= target.most,
    raw: { [units.subject]: round(compared.subject, 1), [units.base]: round(compared.base, 1), rounds, ...more },
  }
}

/** Calls `work` on `width` lanes for `milliseconds`; how often per second it completed. */
export async function ratePerSecond(
  milliseconds: number,
  width: number,
  work: (lane: number) => Promise<number>,
): Promise<number> {
  const start = performance.now()
  let done = 0
  const lane = async (index: number) => {
    while (performance.now() - start < milliseconds) {
      const completed = await work(index)
      done += completed
    }
  }
  await Promise.all(Array.from({ length: width }, (_, index) => lane(index)))
  return (done * 1000) / (performance.now() - start)
}
