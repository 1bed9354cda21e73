/** Which proxy a request goes through, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. */
import { BlockList, isIP, isIPv6 } from 'node:net'
import { isLoopbackHost } from './addresses.ts'

export interface ProxyVariables {
  /** For requests to `http:`; a URL, `http://` may be left out. */
  readonly http?: string
  /** For requests to `https:`. */
  readonly https?: string
  /** Hosts that are gone to directly, as Go reads it: `example.io` with all below it, `.example.io`, `host:port`, an address, a CIDR block, `*`. */
  readonly no?: string
}

/** From the variables of a process; lower case wins, as everywhere. */
export function proxyVariables(environment: Readonly<Record<string, string | undefined>>): ProxyVariables {
  const read = (name: string) => environment[name] || environment[name.toUpperCase()]
  const [http, https, no] = [read('http_proxy'), read('https_proxy'), read('no_proxy')]
  return { ...(http && { http }), ...(https && { https }), ...(no && { no }) }
}

/** The URL of the proxy, or null: directly. This machine itself is always gone to directly. */
export function proxyOf(origin: string, { http, https, no = '' }: ProxyVariables): string | null {
  const { protocol, hostname, port } = new URL(origin)
  const proxy = protocol === 'https:' ? https : http
  if (proxy === undefined || proxy === '') return null
  const host = hostname.replace(/\.$/, '').replace(/^\[(.*)\]$/, '$1')
  if (isLoopbackHost(host)) return null
  const at = port || (protocol === 'https:' ? '443' : '80')
  if (no.split(/[\s,]+/).some((entry) => entry !== '' && names(entry.toLowerCase(), host, at))) return null
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

function names(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return isIP(host) !== 0 && isInBlock(entry, host)
  const [, name = entry, only] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(isIPv6(entry) ? `[${entry}]` : entry) ?? []
  if (only !== undefined && only !== port) return false
  const suffix = name.replace(/^\*?\./, '')
  return (suffix === name && host === name) || host.endsWith(`.${suffix}`)
}

function isInBlock(entry: string, host: string): boolean {
  const [network = '', length = ''] = entry.split('/')
  const type = isIPv6(network) ? 'ipv6' : 'ipv4'
  if (isIP(network) === 0 || !/^\d{1,3}$/.test(length) || Number(length) > (type === 'ipv6' ? 128 : 32)) return false
  const block = new BlockList()
  block.addSubnet(network, Number(length), type)
  return block.check(host, isIPv6(host) ? 'ipv6' : 'ipv4')
}
