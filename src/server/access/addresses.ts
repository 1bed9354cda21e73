/** Which addresses and host names are this machine's own, and which names a browser may have used. */
import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** An address to listen on, or of a peer. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true
  const plain = host.startsWith('::ffff:') ? host.slice(7) : host
  const family = isIP(plain)
  return family !== 0 && loopback.check(plain, family === 4 ? 'ipv4' : 'ipv6')
}

/** `example.org:8080` → `example.org`, `[::1]:80` → `::1`; null when it is no host. */
export function hostName(header: string): string | null {
  const matched = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header)
  return (matched?.[1] ?? matched?.[2] ?? null)?.toLowerCase() ?? null
}

/**
 * Against DNS rebinding: a page of another site can make a browser send requests here under a name of
 * its own. Only a name can be rebound; an address in the Host header is the one that was connected to.
 */
export function createHostRule(allowed: readonly string[]): (header: string | undefined) => boolean {
  const names = new Set(['localhost', ...allowed.map((name) => name.toLowerCase())])
  // Most requests carry the same one as the request before.
  let last: { readonly header: string | undefined; readonly allowed: boolean } | undefined
  return (header) => {
    if (last !== undefined && last.header === header) return last.allowed
    const name = header === undefined ? null : hostName(header)
    last = { header, allowed: name !== null && (isIP(name) !== 0 || names.has(name)) }
    return last.allowed
  }
}

/** Callers without a name are told apart by this: the address, or the /64 that one IPv6 site owns. */
export function addressGroup(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address
  if (isIP(plain) !== 6) return plain
  const [head = '', tail = ''] = plain.split('%')[0]!.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === '' ? [] : tail.split(':')
  const groups = plain.includes('::') ? [...front, ...Array(8 - front.length - back.length).fill('0'), ...back] : front
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
