import { BlockList, isIP } from 'node:net'
import { ApiError } from './errors.ts'
import { isLoopback } from './server-url.ts'

/** A proxy through which a server is reached. */
export interface ProxyServer {
  /** Without user and password. */
  readonly url: URL
  /** Host and port, to be shown. */
  readonly name: string
  /** The value of `Proxy-Authorization`, where the address had a user. A secret. */
  readonly authorization: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** Where the proxy for `https:` stands; the first that is set counts. In lower case first, as curl has it. */
export const proxyVariables = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const

const bareHost = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')

/** Whether the address `host` lies in `range`, `10.0.0.0/8` or `2001:db8::/32`. */
function isInRange(host: string, range: string): boolean {
  const [, network = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(range) ?? []
  const [family, familyOfRange] = [isIP(host), isIP(network)]
  if (family === 0 || family !== familyOfRange || Number(bits) > (family === 4 ? 32 : 128)) return false
  const list = new BlockList()
  const type = family === 4 ? 'ipv4' : 'ipv6'
  list.addSubnet(network, Number(bits), type)
  return list.check(host, type)
}

/** Two IP addresses that may be written differently, such as `::1` and `0:0:0:0:0:0:0:1`. */
const isSameAddress = (host: string, other: string): boolean =>
  isIP(host) !== 0 && isInRange(host, `${other}/${isIP(host) === 4 ? 32 : 128}`)

/**
 * Whether an entry of NO_PROXY means this server: `*`, a name (which means its subdomains, too; a leading dot or `*.`
 * changes nothing), an address, a range of addresses (`10.0.0.0/8`), each but a range with or without a port.
 */
function exempts(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return isInRange(host, entry)
  const [, bracketed, named = entry, portOfEntry] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? []
  if (portOfEntry !== undefined && portOfEntry !== port) return false
  const name = (bracketed ?? named).replace(/^\*?\./, '').replace(/\.$/, '')
  if (name === '') return false
  return host === name || isSameAddress(host, name) || (isIP(host) === 0 && host.endsWith(`.${name}`))
}

const isExempt = (list: string, host: string, port: string): boolean =>
  list
    .toLowerCase()
    .split(/[\s,]+/)
    .some(entry => entry !== '' && exempts(entry, host, port))

const invalid = (variable: string, detail: string) => new ApiError('proxy_invalid', { proxy: variable, detail })

/** @throws {ApiError} `proxy_invalid`, which repeats nothing of `text`: it may hold a password */
function parseProxy(variable: string, text: string): ProxyServer {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(full)) throw invalid(variable, `${variable} holds no address of a proxy.`)
  const url = new URL(full)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw invalid(
      variable,
      `${variable} names a proxy of the kind ${url.protocol.slice(0, -1)}; use http:// or https://.`,
    )
  }
  let credentials: string
  try {
    credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  } catch {
    throw invalid(variable, `The user or password in ${variable} is not encoded as in a URL.`)
  }
  url.username = ''
  url.password = ''
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return {
    url,
    name: `${url.hostname}:${port}`,
    authorization: credentials === ':' ? undefined : `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`,
  }
}

/**
 * The proxy for a server, as curl finds it: `https_proxy`, else `HTTPS_PROXY`, else `all_proxy`, else `ALL_PROXY`,
 * unless `no_proxy` or `NO_PROXY` exempts the server. Plain `http:` is for this machine alone, and what is on this
 * machine is never reached through a proxy, so that `HTTP_PROXY` has no use.
 * @param origin as `parseServerUrl` gives it
 * @throws {ApiError} `proxy_invalid` for a proxy that hufu cannot speak to
 */
export function proxyFor(origin: string, env: Environment): ProxyServer | undefined {
  const { protocol, hostname, port } = new URL(origin)
  if (protocol !== 'https:' || isLoopback(hostname)) return undefined
  const variable = proxyVariables.find(name => env[name]?.trim())
  const text = variable && env[variable]?.trim()
  if (!variable || !text) return undefined
  const exempt = env.no_proxy || env.NO_PROXY || ''
  return isExempt(exempt, bareHost(hostname), port || '443') ? undefined : parseProxy(variable, text)
}
