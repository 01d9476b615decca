// Points of Ed25519 and Ed448 (RFC 8032 sections 5.1.3 and 5.2.3). OpenSSL imports any 32 or 57 bytes as such a key and
// finds out at the first signature; a registration without attestation has none.

interface EdwardsCurve {
  /** The prime of the field. */
  p: bigint
  d: bigint
  /** The factor of x² in the curve's equation: a·x² + y² = 1 + d·x²·y². */
  a: bigint
}

const p25519 = 2n ** 255n - 19n
const p448 = 2n ** 448n - 2n ** 224n - 1n

const curves: ReadonlyMap<string, EdwardsCurve> = new Map([
  ['Ed25519', { p: p25519, a: -1n, d: -121665n * power(121666n, p25519 - 2n, p25519) }],
  ['Ed448', { p: p448, a: 1n, d: -39081n }],
])

/** Whether `bytes` encode a point of `curve` (`Ed25519`: 32 bytes, `Ed448`: 57 bytes). */
export function isEdwardsPoint(curve: string, bytes: Uint8Array): boolean {
  const parameters = curves.get(curve)
  if (!parameters) return false
  const { p, a, d } = parameters
  const encoded = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
  const signBit = BigInt(bytes.length * 8 - 1)
  const y = BigInt.asUintN(Number(signBit), encoded)
  if (y >= p) return false
  // x² = (y² − 1) / (d·y² − a): a point, exactly when numerator · denominator is a square.
  const square = (y * y) % p
  const product = modulo((square - 1n) * (d * square - a), p)
  const isZero = product === 0n
  return isZero ? encoded >> signBit === 0n : power(product, (p - 1n) / 2n, p) === 1n
}

function modulo(value: bigint, p: bigint): bigint {
  return ((value % p) + p) % p
}

function power(base: bigint, exponent: bigint, p: bigint): bigint {
  let result = 1n
  let square = modulo(base, p)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % p
    square = (square * square) % p
  }
  return result
}
