// What of a number, an address or an identity is shown to someone who may not be its owner.

const dots = '***'

/** `138****1234` for a mainland number, `+1*******123` for others: enough to recognise, too little to call. */
export function maskPhone(e164: string): string {
  const mainland = /^\+86(1\d{10})$/.exec(e164)?.[1]
  if (mainland) return `${mainland.slice(0, 3)}****${mainland.slice(-4)}`
  const shown = 3
  const hidden = Math.max(4, e164.length - 2 * shown)
  return `${e164.slice(0, shown)}${'*'.repeat(hidden)}${e164.slice(-shown)}`
}

/** `a***e`; of one or two letters only the first is shown. */
export function maskUsername(username: string): string {
  const letters = [...username]
  const first = letters[0] ?? ''
  const last = letters.length > 2 ? (letters.at(-1) ?? '') : ''
  return `${first}${dots}${last}`
}

/** `a***e@g***l.com`. */
export function maskEmail(address: string): string {
  const at = address.lastIndexOf('@')
  const domain = address.slice(at + 1)
  const dot = domain.lastIndexOf('.')
  const masked = dot > 0 ? `${maskUsername(domain.slice(0, dot))}${domain.slice(dot)}` : maskUsername(domain)
  return `${maskUsername(address.slice(0, at))}@${masked}`
}

/** The ends of an opaque WeChat id. */
export const maskOpenid = (openid: string): string => `${openid.slice(0, 4)}${dots}${openid.slice(-4)}`

export const maskContact = (channel: 'phone' | 'email', value: string): string =>
  channel === 'phone' ? maskPhone(value) : maskEmail(value)
