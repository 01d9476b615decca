import { printable } from '../../lib/printable.ts'
import { RpIdError } from '../errors.ts'

const isIpAddress = (host: string): boolean => host.startsWith('[') || /^\d+(?:\.\d+){3}$/.test(host)

/** Whether `text` is a host name just as a URL would write it: lower case, punycode, no port, no final dot. */
function isCanonicalDomain(text: string): boolean {
  if (text === '' || text.endsWith('.') || !URL.canParse(`https://${text}/`)) return false
  return new URL(`https://${text}/`).host === text && !isIpAddress(text)
}

/**
 * Whether `suffix` names a whole registrable domain above `host`, or a part of one: no public suffix (`co.uk`,
 * `github.io`), where anybody may have a name. HTML section 7.1.1.2, "is a registrable domain suffix of"; the list is
 * that of publicsuffix.org, its private part included.
 */
async function isRegistrableSuffix(suffix: string, host: string): Promise<boolean> {
  if (!host.endsWith(`.${suffix}`)) return false
  const { getPublicSuffix } = await import('tldts')
  const publicSuffix = getPublicSuffix(host, { allowPrivateDomains: true })
  return publicSuffix !== null && publicSuffix !== suffix && !publicSuffix.endsWith(`.${suffix}`)
}

/**
 * The RP ID that a server may have a security key speak for: its own host, or a registrable suffix of it (WebAuthn
 * sections 5.1.3 step 8 and 5.1.4.1 step 7). Else a hostile server could collect assertions for somebody else's site.
 * @param rpId what the server asks for; its host when left out.
 * @param origin the server's, `https://accounts.example.org`.
 * @throws {RpIdError}
 */
export async function verifyRpId(rpId: string | undefined, origin: string): Promise<string> {
  const host = new URL(origin).hostname
  const asked = rpId ?? host
  // No part of an IP address is a canonical domain, so that a server at one has no RP ID at all.
  if (isCanonicalDomain(asked) && (asked === host || (await isRegistrableSuffix(asked, host)))) return asked
  throw new RpIdError(printable(asked), host)
}
