import { hash } from 'node:crypto'
import { toHex } from '../lib/bytes.ts'
import type { Random } from '../lib/random.ts'

const firstCapacity = 1 << 12
/** Beyond this share of its places a table is made twice as large. */
const fullAt = 0.8

/**
 * Which values a file has had, and a number for each: a table of keyed 64-bit digests with open addressing, 12 bytes a
 * place, so that what it takes does not depend on what stands in the file. Nobody who does not know the key can make
 * two values that look alike; two that do by chance, in five million rows, are one in a million.
 */
export class SeenValues {
  private readonly key: string
  private capacity = firstCapacity
  private high = new Uint32Array(firstCapacity)
  private low = new Uint32Array(firstCapacity)
  private numbers = new Uint32Array(firstCapacity)
  private count = 0

  constructor(random: Random) {
    this.key = toHex(random.bytes(16))
  }

  /**
   * Remembers `number`, above 0, with `value`, unless there is one already.
   * @returns the number that was there before; 0 where there was none
   */
  add(value: string, number: number): number {
    if (this.count >= this.capacity * fullAt) this.grow()
    const [high, low] = this.digest(value)
    const place = this.place(high, low)
    const known = this.numbers[place] ?? 0
    if (known !== 0) return known
    this.put(place, high, low, number)
    this.count++
    return 0
  }

  /** The number that is remembered with `value`; 0 where there is none. */
  get(value: string): number {
    const [high, low] = this.digest(value)
    return this.numbers[this.place(high, low)] ?? 0
  }

  private digest(value: string): [high: number, low: number] {
    const text = hash('sha256', this.key + value, 'binary')
    const word = (at: number) =>
      ((text.charCodeAt(at) << 24) |
        (text.charCodeAt(at + 1) << 16) |
        (text.charCodeAt(at + 2) << 8) |
        text.charCodeAt(at + 3)) >>>
      0
    return [word(0), word(4)]
  }

  /** Where a digest is, or the free place where it belongs. */
  private place(high: number, low: number): number {
    const mask = this.capacity - 1
    let place = low & mask
    while (this.numbers[place] !== 0 && (this.high[place] !== high || this.low[place] !== low)) {
      place = (place + 1) & mask
    }
    return place
  }

  private put(place: number, high: number, low: number, number: number): void {
    this.high[place] = high
    this.low[place] = low
    this.numbers[place] = number
  }

  private grow(): void {
    const { high, low, numbers } = this
    this.capacity *= 2
    this.high = new Uint32Array(this.capacity)
    this.low = new Uint32Array(this.capacity)
    this.numbers = new Uint32Array(this.capacity)
    for (let old = 0; old < numbers.length; old++) {
      const number = numbers[old] ?? 0
      if (number === 0) continue
      const [h, l] = [high[old] ?? 0, low[old] ?? 0]
      this.put(this.place(h, l), h, l, number)
    }
  }
}
