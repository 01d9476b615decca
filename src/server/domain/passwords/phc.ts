const mebibyte = 1024
const bounds = {
  memory: { least: 7 * mebibyte, most: 64 * mebibyte },
  time: { least: 1, most: 10 },
  parallelism: { least: 1, most: 4 },
  salt: { least: 8, most: 64 },
  hash: { least: 16, most: 64 },
} as const

const number = '(0|[1-9]\\d{0,9})'
const bytes = '([A-Za-z0-9+/]+)'
const form = new RegExp(`^\\$argon2id\\$v=19\\$m=${number},t=${number},p=${number}\\$${bytes}\\$${bytes}$`)

/** How many bytes unpadded base64 stands for; `undefined` where some other text stands for the same bytes. */
function lengthOf(base64: string): number | undefined {
  const decoded = Buffer.from(base64, 'base64')
  return decoded.toString('base64').replace(/=+$/, '') === base64 ? decoded.length : undefined
}

/**
 * Whether `text` is the PHC string of an argon2id hash that logins here can be checked by: version 1.3, the parameters
 * `m`, `t`, `p` and no others in this order, 7 to 64 MiB of memory (OWASP's least, and what a server can spare), 1 to 10
 * passes, 1 to 4 lanes, a salt of 8 to 64 bytes and a hash of 16 to 64, in unpadded base64 of the one canonical form
 * (PHC string format; RFC 9106 section 3.1).
 */
export function isArgon2idPhc(text: string): boolean {
  const found = form.exec(text)
  if (!found) return false
  const [, memory, time, parallelism, salt = '', hash = ''] = found
  const values = {
    memory: Number(memory),
    time: Number(time),
    parallelism: Number(parallelism),
    salt: lengthOf(salt),
    hash: lengthOf(hash),
  }
  return Object.entries(bounds).every(([name, { least, most }]) => {
    const value = values[name as keyof typeof values]
    return value !== undefined && value >= least && value <= most
  })
}
