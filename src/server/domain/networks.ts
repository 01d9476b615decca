const ipv4Mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i

/**
 * What is counted as one source: an IPv4 address, or the /64 of an IPv6 address, of which whoever has one has 2^64.
 * @param source an address as the connection gives it; anything else is returned as it is
 */
export function networkOf(source: string): string {
  const mapped = ipv4Mapped.exec(source)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = source.replace(/%.*$/, '').split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail ? tail.replace(/[\d.]+\.\d+$/, '0:0').split(':') : []
  const gap = tail === undefined ? [] : new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  const groups = [...left, ...gap, ...right].map(group => Number.parseInt(group, 16))
  if (!source.includes(':') || groups.length !== 8 || groups.some(Number.isNaN)) return source
  return `${groups
    .slice(0, 4)
    .map(group => group.toString(16))
    .join(':')}::/64`
}
