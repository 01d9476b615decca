import { longestRun } from '../contract/rebind.ts'

/** A set of row numbers, one bit for each, that is written as ranges: `3-5,9`. */
export class RowSet {
  private bits = new Uint8Array(1024)
  private highest = 0

  /** How many rows are in it. */
  size = 0

  add(row: number): void {
    const byte = row >> 3
    if (byte >= this.bits.length) {
      const larger = new Uint8Array(Math.max(this.bits.length * 2, byte + 1))
      larger.set(this.bits)
      this.bits = larger
    }
    if (this.has(row)) return
    this.bits[byte] = (this.bits[byte] ?? 0) | (1 << (row & 7))
    this.highest = Math.max(this.highest, row)
    this.size++
  }

  has(row: number): boolean {
    return ((this.bits[row >> 3] ?? 0) & (1 << (row & 7))) !== 0
  }

  toString(): string {
    const ranges: string[] = []
    for (let row = 1; row <= this.highest; row++) {
      if (!this.has(row)) continue
      const first = row
      while (this.has(row + 1)) row++
      ranges.push(first === row ? String(first) : `${first}-${row}`)
    }
    return ranges.join(',')
  }

  /** The set that `toString` wrote. @throws {TypeError} for another text */
  static parse(text: string): RowSet {
    const rows = new RowSet()
    for (const range of text === '' ? [] : text.split(',')) {
      const [, first, last = first] = /^([1-9]\d{0,6})(?:-([1-9]\d{0,6}))?$/.exec(range) ?? []
      if (first === undefined || Number(last) > longestRun) throw new TypeError('no ranges of rows')
      for (let row = Number(first); row <= Number(last); row++) rows.add(row)
    }
    return rows
  }
}
