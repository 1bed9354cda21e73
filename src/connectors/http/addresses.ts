/** Where nothing goes that somebody outside may choose: what answers there trusts whoever can reach it. */
import type { LookupAddress, LookupOptions } from 'node:dns'
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net'

const refused = new BlockList()
// Link-local, where clouds answer with credentials; the metadata addresses that are elsewhere; nobody and everybody.
refused.addSubnet('169.254.0.0', 16, 'ipv4')
refused.addSubnet('fe80::', 10, 'ipv6')
refused.addAddress('fd00:ec2::254', 'ipv6')
refused.addAddress('100.100.100.200', 'ipv4')
refused.addAddress('192.0.0.192', 'ipv4')
refused.addSubnet('0.0.0.0', 8, 'ipv4')
refused.addAddress('::', 'ipv6')
refused.addSubnet('224.0.0.0', 4, 'ipv4')
refused.addAddress('255.255.255.255', 'ipv4')
refused.addSubnet('ff00::', 8, 'ipv6')
// The same link-local addresses through NAT64.
refused.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6')

export function isRefused(address: string): boolean {
  return refused.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** By its name or address; `host` as in a URL, without the port. */
export function isLoopbackHost(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/^\[(.*)\]$/, '$1')
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  return isIP(name) !== 0 && loopback.check(name, isIPv6(name) ? 'ipv6' : 'ipv4')
}

/** This machine itself, beside what is refused anyway. */
export function isRefusedOrLoopback(address: string): boolean {
  return isRefused(address) || isLoopbackHost(address)
}

export type Resolve = (
  name: string,
  options: LookupOptions & { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/** A lookup for sockets that finds no refused address. Addresses that a URL names itself are not looked up. */
export function guardedLookup(resolve: Resolve, refuses: (address: string) => boolean = isRefused): LookupFunction {
  return (name, options, done) => {
    resolve(name, { ...options, all: true }, (error, found) => {
      if (error) {
        done(error, [])
        return
      }
      const allowed = found.filter(({ address }) => !refuses(address))
      const first = allowed[0]
      if (first === undefined) {
        const refusal = new Error('resolves to an address that nothing is sent to from outside')
        done(Object.assign(refusal, { code: 'EREFUSED' }), [])
      } else if (options.all === true) done(null, allowed)
      else done(null, first.address, first.family)
    })
  }
}
