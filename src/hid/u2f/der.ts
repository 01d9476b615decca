const sequence = 0x30
const longForm = 0x80

/**
 * How many bytes the DER SEQUENCE that `bytes` begin with takes, its head included (X.690 section 8.1, 10.1): undefined
 * when there is none, when it is longer than `bytes`, or when its length is not given in the shortest definite form.
 */
export function sequenceLength(bytes: Uint8Array): number | undefined {
  const [tag, first] = bytes
  if (tag !== sequence || first === undefined) return undefined
  if (first < longForm) return fitting(2 + first, bytes)
  const size = first - longForm
  const lengthBytes = bytes.subarray(2, 2 + size)
  if (size < 1 || size > 2 || lengthBytes.length < size) return undefined
  const length = lengthBytes.reduce((sum, byte) => sum * 256 + byte, 0)
  const least = size === 1 ? longForm : 256
  return length < least ? undefined : fitting(2 + size + length, bytes)
}

const fitting = (length: number, bytes: Uint8Array): number | undefined => (length <= bytes.length ? length : undefined)
